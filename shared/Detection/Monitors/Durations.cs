using System.Globalization;

namespace Monitoring.Detection;

/// <summary>Durations as people write them, with a unit: <c>500ms</c>, <c>30s</c>, <c>5m</c>, <c>2h</c>, <c>7d</c>. The only place that reads and writes them.</summary>
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
    public static TimeSpan Parse(string text) =>
        TryParse(text, out var duration) ? duration : throw new FormatException($"'{text}' is not a duration; write 500ms, 30s, 5m, 2h or 7d");

    /// <summary>Reads a duration: a number ≥ 0 without sign or exponent, and a unit. False for anything else, or what no <see cref="TimeSpan"/> can hold.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        foreach (var (unit, ticks) in s_units)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number * ticks < TimeSpan.MaxValue.Ticks)
            {
                duration = TimeSpan.FromTicks((long)Math.Round(number * ticks));
                return true;
            }
        }

        duration = default;
        return false;
    }

    /// <summary>Writes a duration in the largest unit that holds it in whole numbers.</summary>
    public static string Format(TimeSpan duration)
    {
        for (var u = s_units.Length - 1; u >= 0; u--)
        {
            var (unit, ticks) = s_units[u];
            if (duration.Ticks >= ticks && duration.Ticks % ticks == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / ticks}{unit}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{duration.TotalMilliseconds}ms");
    }
}
