using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Quality;

/// <summary>Options of <c>performance</c>.</summary>
public sealed record PerformanceOptions
{
    [Description("Measure that is promised: accuracy, f1, auroc, log-loss, mae or rmse. The model's `objective` when absent; without either, performance is shown and never alarms.")]
    [RegularExpression("^(accuracy|f1|auroc|log-loss|mae|rmse)?$", ErrorMessage = "must be accuracy, f1, auroc, log-loss, mae or rmse")]
    public string Metric { get; set; } = "";

    [Description("Worst value that keeps the promise.")]
    public double? Threshold { get; set; }

    [Description("Log time within which a label must come to be joined.")]
    public TimeSpan Horizon { get; set; } = TimeSpan.FromDays(7);

    [Description("Newest predictions that wait for labels, for each model version and partition.")]
    [Range(100, 10_000_000)]
    public int MaxPending { get; set; } = 50_000;

    [Description("Newest labelled rows over which measures are shown.")]
    [Range(50, 100_000)]
    public int Window { get; set; } = 1000;
}
