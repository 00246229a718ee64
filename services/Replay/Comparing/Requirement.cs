using System.Globalization;

namespace Monitoring.Replay.Comparing;

/// <summary>A release gate: <c>accuracy >= -0.01</c> holds when even the worse end of the interval of B − A keeps it.</summary>
/// <param name="Measure">accuracy, log-loss, probability or agreement.</param>
/// <param name="AtLeast">True for &gt;=, false for &lt;=.</param>
/// <param name="Bound">Bound of the difference; of the value itself for agreement.</param>
internal sealed record Requirement(string Measure, bool AtLeast, double Bound)
{
    private static readonly string[] s_measures = ["accuracy", "log-loss", "probability", "agreement"];

    public static Requirement Parse(string text)
    {
        foreach (var (symbol, atLeast) in new[] { (">=", true), ("<=", false) })
        {
            if (text.Split(symbol) is [var measure, var bound]
                && s_measures.Contains(measure.Trim(), StringComparer.Ordinal)
                && double.TryParse(bound, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
            {
                return new Requirement(measure.Trim(), atLeast, number);
            }
        }

        throw new UsageException($"--require: '{text}' is not MEASURE >= NUMBER or MEASURE <= NUMBER; measures are {string.Join(", ", s_measures)}");
    }

    /// <summary>Null when it holds, else why not. Without labels accuracy and log-loss cannot be shown, so they do not hold.</summary>
    public string? Check(ModelComparison.SegmentResult whole)
    {
        if (Measure == "agreement")
        {
            return AtLeast ? whole.Agreement >= Bound ? null : Text(whole.Agreement) : whole.Agreement <= Bound ? null : Text(whole.Agreement);
        }

        var difference = whole.Differences.FirstOrDefault(d => d.Measure == Measure);
        if (difference is null)
        {
            return $"{Measure} {(AtLeast ? ">=" : "<=")} {Bound.ToString(CultureInfo.InvariantCulture)}: no true labels in the range";
        }

        return AtLeast ? difference.Low >= Bound ? null : Text(difference.Low) : difference.High <= Bound ? null : Text(difference.High);
    }

    private string Text(double found) => string.Create(CultureInfo.InvariantCulture, $"{Measure} {(AtLeast ? ">=" : "<=")} {Bound}: found {found:0.####}");
}
