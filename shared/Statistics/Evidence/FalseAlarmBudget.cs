using System.Globalization;

namespace Monitoring.Statistics;

/// <summary>
/// A receiver's budget of false alarms, "1 per 30d", for everything routed to it (RUNTIME 3). It is split into shares that
/// sum to at most 1; a stream with the share s owns b = alarms·s alarms per period and alarms at SR ≥ period/b. The split
/// is local and deterministic, and the sum of the expected numbers of false alarms keeps the budget under any dependence.
/// </summary>
/// <param name="Alarms">Alarms allowed per period, &gt; 0.</param>
/// <param name="Period">The period, &gt; 0.</param>
public readonly record struct FalseAlarmBudget(double Alarms, TimeSpan Period)
{
    /// <summary>The level of a stream that owns <paramref name="share"/> of the budget, in units of <paramref name="unit"/>.</summary>
    /// <param name="share">In (0, 1].</param>
    /// <param name="unit">The unit of the stream's clock: its fitted mean time between draws.</param>
    public double Level(double share, TimeSpan unit)
    {
        if (!(share > 0 && share <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(share), share, "a share lies in (0, 1]");
        }

        if (unit <= TimeSpan.Zero)
        {
            throw new ArgumentOutOfRangeException(nameof(unit), unit, "a unit of time is positive");
        }

        return Period / unit / (Alarms * share);
    }

    /// <summary>Reads "1 per 30d": a positive number, "per", and a duration in s, m, h, d or w.</summary>
    /// <exception cref="FormatException">It does not read so; the message says what was expected.</exception>
    public static FalseAlarmBudget Parse(string text)
    {
        var parts = text.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (parts.Length == 3 && string.Equals(parts[1], "per", StringComparison.Ordinal)
            && double.TryParse(parts[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var alarms) && alarms > 0 && double.IsFinite(alarms)
            && parts[2].Length >= 2
            && double.TryParse(parts[2].AsSpan(0, parts[2].Length - 1), NumberStyles.Float, CultureInfo.InvariantCulture, out var count) && count > 0)
        {
            var seconds = count * parts[2][^1] switch { 's' => 1, 'm' => 60, 'h' => 3_600, 'd' => 86_400, 'w' => 604_800, _ => double.NaN };
            if (seconds <= 1e10)
            {
                return new FalseAlarmBudget(alarms, TimeSpan.FromSeconds(seconds));
            }
        }

        throw new FormatException($"'{text}' is not a rate of false alarms: expected a number, 'per' and a duration, as in '1 per 30d' (units s, m, h, d, w)");
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Alarms} per {Period.TotalDays}d");
}
