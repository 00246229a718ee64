namespace Monitoring.Hosting.Configuration;

/// <summary>
/// Names a secret without holding it: <c>env:NAME</c> or <c>file:PATH</c>. A literal secret in the configuration is an error,
/// and <see cref="ToString"/> never shows the value.
/// </summary>
public sealed record SecretReference
{
    private SecretReference(string scheme, string name)
    {
        Scheme = scheme;
        Name = name;
    }

    public string Scheme { get; }

    public string Name { get; }

    public static bool TryParse(string text, out SecretReference? reference)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        reference = colon > 0 && text.Length > colon + 1 && text[..colon] is "env" or "file"
            ? new SecretReference(text[..text.IndexOf(':', StringComparison.Ordinal)], text[(text.IndexOf(':', StringComparison.Ordinal) + 1)..])
            : null;
        return reference is not null;
    }

    /// <summary>Reads the secret, without trailing line breaks. Throws <see cref="InvalidOperationException"/> naming the reference when it is absent or empty.</summary>
    public string Read()
    {
        var value = Scheme == "env"
            ? Environment.GetEnvironmentVariable(Name)
            : File.Exists(Name) ? File.ReadAllText(Name).TrimEnd('\r', '\n') : null;
        return string.IsNullOrEmpty(value)
            ? throw new InvalidOperationException($"the secret {Scheme}:{Name} is {(value is null ? "missing" : "empty")}")
            : value;
    }

    public override string ToString() => $"{Scheme}:{Name}";
}
