using System.Globalization;

namespace Monitoring.Hosting.Configuration;

/// <summary>Durations as people write them: <c>250ms</c>, <c>30s</c>, <c>5m</c>, <c>12h</c>, <c>30d</c>.</summary>
public static class Duration
{
    private static readonly (string Unit, double Seconds)[] s_units = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)];

    public static bool TryParse(string text, out TimeSpan duration)
    {
        foreach (var (unit, seconds) in s_units)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number * seconds < TimeSpan.MaxValue.TotalSeconds)
            {
                duration = TimeSpan.FromSeconds(number * seconds);
                return true;
            }
        }

        duration = default;
        return false;
    }

    public static string Format(TimeSpan duration)
    {
        foreach (var (unit, seconds) in s_units.Reverse())
        {
            var number = duration.TotalSeconds / seconds;
            if (number >= 1 && number == Math.Floor(number))
            {
                return string.Create(CultureInfo.InvariantCulture, $"{number:F0}{unit}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{duration.TotalMilliseconds}ms");
    }
}
