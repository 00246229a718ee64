using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Monitoring.Forensics;

/// <summary>Where a record lies in <c>inference.events</c>, written <c>PARTITION@OFFSET</c>.</summary>
/// <param name="Partition">From 0.</param>
/// <param name="Offset">From 0.</param>
public readonly record struct EventPosition(int Partition, long Offset)
{
    public static bool TryParse([NotNullWhen(true)] string? text, out EventPosition position)
    {
        position = default;
        if (text?.IndexOf('@', StringComparison.Ordinal) is not (> 0 and var at)
            || !int.TryParse(text.AsSpan(0, at), NumberStyles.None, CultureInfo.InvariantCulture, out var partition)
            || !long.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var offset))
        {
            return false;
        }

        position = new EventPosition(partition, offset);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Partition}@{Offset}");
}
