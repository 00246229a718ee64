using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Quality;

/// <summary>The kind <c>performance</c>; see README.md beside it.</summary>
public sealed class PerformanceKind : MonitorKind<PerformanceOptions>, ILabelledKind, IPromisedKind
{
    public override string Name => "performance";

    public override string Description => "Realised performance against true labels, and evidence that it fell below what is promised.";

    public override Family Family => Family.Quality;

    public override Severity DefaultSeverity => Severity.Harm;

    public IReadOnlyDictionary<string, string> Promise(string metric, double threshold) => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["metric"] = metric,
        ["threshold"] = threshold.ToString("R", CultureInfo.InvariantCulture),
    };

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, PerformanceOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        _ = Loss(context.Model, options);
        return ValueTask.FromResult(FittedParameters.None);
    }

    protected override IMonitor Create(MonitorContext context, PerformanceOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new PerformanceMonitor(context.Model, Loss(context.Model, options), options);
    }

    /// <summary>The bounded loss of the promise; null where nothing is promised.</summary>
    private static PromisedLoss? Loss(ModelDescription model, PerformanceOptions options)
    {
        var isClassifier = model.IndexOf(OutputRole.Probabilities) >= 0 || model.IndexOf(OutputRole.Logits) >= 0 || model.IndexOf(OutputRole.Label) >= 0;
        if (!isClassifier && model.IndexOf(OutputRole.Regression) < 0)
        {
            throw new FitException($"performance: model '{model.Name}' has no output of classes, probabilities or numbers");
        }

        if (options.Metric.Length == 0 || options.Threshold is not { } threshold)
        {
            return null;
        }

        if ((options.Metric is "mae" or "rmse") == isClassifier)
        {
            throw new FitException($"performance: {options.Metric} is no measure of the {(isClassifier ? "classifier" : "regressor")} '{model.Name}'");
        }

        if (options.Metric is "auroc" or "log-loss" && model.IndexOf(OutputRole.Probabilities) < 0)
        {
            throw new FitException($"performance: {options.Metric} needs an output of probabilities, which model '{model.Name}' has not");
        }

        var isShare = options.Metric is "accuracy" or "f1" or "auroc";
        return threshold > 0 && double.IsFinite(threshold) && (!isShare || threshold < 1)
            ? new PromisedLoss(options.Metric, threshold)
            : throw new FitException(string.Create(CultureInfo.InvariantCulture, $"performance: a threshold of {threshold} promises nothing about {options.Metric}"));
    }
}
