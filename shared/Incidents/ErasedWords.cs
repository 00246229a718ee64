using System.Text.RegularExpressions;

namespace Monitoring.Incidents;

/// <summary>Puts a pseudonym in place of a client in texts: of its sealed id, of the few characters of it that people see, and of its own name as a whole word.</summary>
/// <param name="Name">The client's own name.</param>
/// <param name="Id">Its sealed id.</param>
/// <param name="Pseudonym">What stands there instead.</param>
internal sealed record ErasedWords(string Name, string Id, string Pseudonym)
{
    private readonly Regex _name = new($@"(?<![\p{{L}}\p{{N}}_]){Regex.Escape(Name)}(?![\p{{L}}\p{{N}}_])", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(10));

    /// <summary>Begins the sealed id, and all that messages show of it.</summary>
    public string Prefix => Id[..12];

    public string WithoutId(string text) => text.Replace(Id, Pseudonym, StringComparison.Ordinal).Replace(Prefix + "…", Pseudonym, StringComparison.Ordinal);

    public string Without(string text) => _name.Replace(WithoutId(text), Pseudonym);
}
