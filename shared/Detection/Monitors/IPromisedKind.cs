namespace Monitoring.Detection;

/// <summary>A kind that judges by what a model's owner promises.</summary>
public interface IPromisedKind : IMonitorKind
{
    /// <summary>Options that the model's declared objective sets where the configuration does not; empty where it cannot judge the metric.</summary>
    /// <param name="metric">accuracy, f1, auroc, log-loss, mae or rmse.</param>
    /// <param name="threshold">Worst value that keeps the promise.</param>
    IReadOnlyDictionary<string, string> Promise(string metric, double threshold);
}
