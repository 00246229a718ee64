using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>Chooses how the process finds neighbours: by graphs where the device is a GPU, by vector units else (docs/adr/0042-neighbours-on-both.md).</summary>
public sealed class NeighbourSearches(ScoringRuntime? runtime, ScoringKernels? kernels)
{
    /// <summary>Vector units, for use without a scoring runtime.</summary>
    public static NeighbourSearches OnVectors { get; } = new(null, null);

    /// <summary>The search of this process.</summary>
    public NeighbourSearchFactory Of(NeighbourSearchKind kind) =>
        kind == NeighbourSearchKind.Vectors || kernels is null || (kind == NeighbourSearchKind.Auto && runtime?.Device.Device is null or "cpu")
            ? (reference, columns) => new NearestNeighbours(reference, columns)
            : (reference, columns) => new GraphNeighbours(kernels, reference, columns);
}
