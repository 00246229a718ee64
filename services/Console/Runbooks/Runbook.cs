using System.Reflection;

namespace Monitoring.WebConsole.Runbooks;

/// <summary>The runbooks of docs/runbooks, inside the product: they must open where there is no internet.</summary>
internal static class Runbook
{
    private const string Prefix = "runbooks/";

    /// <summary>Names, sorted.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. typeof(Runbook).Assembly.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)).Select(n => n[Prefix.Length..]).Where(n => n != "README").Order(StringComparer.Ordinal)];

    /// <summary>The text; null where there is no such runbook.</summary>
    public static string? Find(string name)
    {
        if (!Names.Contains(name, StringComparer.Ordinal))
        {
            return null;
        }

        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Prefix + name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>Runbook of an incident's family.</summary>
    public static string ForFamily(string family)
    {
        var name = "Incident" + (family.Length > 0 ? char.ToUpperInvariant(family[0]) + family[1..] : "");
        return Names.Contains(name, StringComparer.Ordinal) ? name : "ModelIncidentOpen";
    }
}
