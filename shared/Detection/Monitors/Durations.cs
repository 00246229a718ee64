using System.Globalization;

namespace Monitoring.Detection;

/// <summary>Durations with a unit: <c>500ms</c>, <c>30s</c>, <c>5m</c>, <c>2h</c>, <c>7d</c>.</summary>
public static class Durations
{
    private static readonly (string Unit, long Ticks)[] s_units =
    [
        ("ms", TimeSpan.TicksPerMillisecond),
        ("s", TimeSpan.TicksPerSecond),
        ("m", TimeSpan.TicksPerMinute),
        ("h", TimeSpan.TicksPerHour),
        ("d", TimeSpan.TicksPerDay),
    ];

    /// <summary>Reads a duration or throws <see cref="FormatException"/>.</summary>
    public static TimeSpan Parse(string text)
    {
        foreach (var (unit, ticks) in s_units)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.Float, CultureInfo.InvariantCulture, out var value))
            {
                return TimeSpan.FromTicks((long)Math.Round(value * ticks));
            }
        }

        throw new FormatException($"'{text}' is not a duration; write 500ms, 30s, 5m, 2h or 7d");
    }
}
