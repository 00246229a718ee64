using Monitoring.Detection;

namespace Monitoring.Quality.Reporting;

/// <summary>One compared variable on both sides: a column, a statistic of an image, the prediction, a score.</summary>
/// <param name="Name">For people.</param>
/// <param name="Unit">Unit; empty for none.</param>
/// <param name="Categories">Names of codes; null for numbers.</param>
/// <param name="Reference">Reference values; NaN is missing, of categories −1 is unknown.</param>
/// <param name="Data">Values of the data.</param>
/// <param name="Feature">Index of the input feature; −1 for what the model says.</param>
internal sealed record ReportVariable(string Name, string Unit, IReadOnlyList<string>? Categories, double[] Reference, double[] Data, int Feature)
{
    public bool IsCategorical => Categories is not null;

    /// <summary>Schema of the feature; null for outputs and image statistics.</summary>
    public FeatureSchema? Schema { get; init; }
}
