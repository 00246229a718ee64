using System.Text;

namespace Monitoring.Detection;

/// <summary>Name of one value of a group's state: what it belongs to, and a key of the owner's choice.</summary>
/// <param name="Model">Model; empty for the partition's own state.</param>
/// <param name="Version">Model version.</param>
/// <param name="Monitor">Monitor; empty for the model's own state.</param>
/// <param name="Part">Which part of the runtime owns it, for example <c>evidence</c>.</param>
/// <param name="Key">Client, page or other key of the part.</param>
internal readonly record struct StateKey(string Model, string Version, string Monitor, string Part, string Key = "") : IComparable<StateKey>
{
    private const char Separator = '\u001f';

    public int CompareTo(StateKey other)
    {
        var order = string.CompareOrdinal(Model, other.Model);
        order = order != 0 ? order : string.CompareOrdinal(Version, other.Version);
        order = order != 0 ? order : string.CompareOrdinal(Monitor, other.Monitor);
        order = order != 0 ? order : string.CompareOrdinal(Part, other.Part);
        return order != 0 ? order : string.CompareOrdinal(Key, other.Key);
    }

    public string ToText() => string.Join(Separator, Escape(Model), Escape(Version), Escape(Monitor), Escape(Part), Escape(Key));

    public static StateKey Parse(string text)
    {
        var parts = text.Split(Separator);
        return parts.Length == 5
            ? new StateKey(Unescape(parts[0]), Unescape(parts[1]), Unescape(parts[2]), Unescape(parts[3]), Unescape(parts[4]))
            : throw new InvalidDataException($"state key of {parts.Length} parts, 5 expected");
    }

    // Clients and models choose their names: a separator in one must not make two keys equal.
    private static string Escape(string text) =>
        text.AsSpan().IndexOfAny(Separator, '\u001e') < 0 ? text
            : new StringBuilder(text).Replace("\u001e", "\u001e0").Replace("\u001f", "\u001e1").ToString();

    private static string Unescape(string text) =>
        !text.Contains('\u001e', StringComparison.Ordinal) ? text
            : text.Replace("\u001e1", "\u001f", StringComparison.Ordinal).Replace("\u001e0", "\u001e", StringComparison.Ordinal);
}
