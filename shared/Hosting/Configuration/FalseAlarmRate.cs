using System.Globalization;

namespace Monitoring.Hosting.Configuration;

/// <summary>A false-alarm budget: at most <paramref name="Count"/> false alarms per <paramref name="Period"/>, written <c>1 per 30d</c>.</summary>
public readonly record struct FalseAlarmRate(double Count, TimeSpan Period)
{
    public static bool TryParse(string text, out FalseAlarmRate rate)
    {
        rate = default;
        var parts = text.Split(" per ", 2, StringSplitOptions.TrimEntries);
        if (parts.Length != 2
            || !double.TryParse(parts[0], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count)
            || count <= 0
            || !Duration.TryParse(parts[1], out var period)
            || period <= TimeSpan.Zero)
        {
            return false;
        }

        rate = new FalseAlarmRate(count, period);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Count} per {Duration.Format(Period)}");
}
