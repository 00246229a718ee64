using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>Chooses how the process finds neighbours: by graphs on a GPU and among many columns, by vector units else (docs/adr/0042-neighbours-on-both.md).</summary>
public sealed class NeighbourSearches(ScoringRuntime? runtime, ScoringKernels? kernels)
{
    // From so many columns on the matrix product decides, also on a CPU.
    private const int GraphColumns = 256;

    /// <summary>Vector units, for use without a scoring runtime.</summary>
    public static NeighbourSearches OnVectors { get; } = new(null, null);

    /// <summary>The search of this process.</summary>
    public NeighbourSearchFactory Of(NeighbourSearchKind kind) => (reference, columns) =>
        kernels is not null && (kind == NeighbourSearchKind.Graph || (kind == NeighbourSearchKind.Auto && (runtime?.Device.Device is not null and not "cpu" || columns >= GraphColumns)))
            ? new GraphNeighbours(kernels, reference, columns)
            : new NearestNeighbours(reference, columns);
}
