using System.Globalization;

namespace Monitoring.Quality.Reporting;

/// <summary>What was promised: <c>accuracy >= 0.9</c>, <c>mae &lt;= 4</c>.</summary>
internal sealed record ReportObjective(string Metric, double Threshold)
{
    private static readonly string[] s_metrics = ["accuracy", "f1", "auroc", "log-loss", "brier", "mae", "rmse"];

    /// <exception cref="ReportUsageException">Not of that form.</exception>
    public static ReportObjective Parse(string text)
    {
        foreach (var symbol in new[] { ">=", "<=" })
        {
            if (text.Split(symbol) is [var metric, var threshold]
                && s_metrics.Contains(metric.Trim(), StringComparer.Ordinal)
                && symbol == (metric.Trim() is "accuracy" or "f1" or "auroc" ? ">=" : "<=")
                && double.TryParse(threshold, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number))
            {
                return new ReportObjective(metric.Trim(), number);
            }
        }

        throw new ReportUsageException($"--objective: '{text}' is not like \"accuracy >= 0.9\" or \"mae <= 4\"; measures are {string.Join(", ", s_metrics)}");
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Metric} {(Metric is "accuracy" or "f1" or "auroc" ? "≥" : "≤")} {Threshold}");
}
