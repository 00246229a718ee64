using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary><c>query-pattern</c>: see README.md beside this file.</summary>
internal sealed class QueryPatternKind(LoadedConfiguration configuration, ScoringRuntime scoring, ScoringKernels kernels) : MonitorKind<QueryPatternOptions>
{
    public override string Name => "query-pattern";

    public override string Description => "A client's queries are not what honest clients ask: too hard, too uncertain, too far from or too close to clean inputs, as in copying a model.";

    public override Family Family => Family.Extraction;

    public override Severity DefaultSeverity => Severity.Harm;

    public override string AtlasTechnique => "AML.T0024.002";

    public override MonitorScope Scope => MonitorScope.Client;

    protected override async ValueTask<FittedParameters> FitAsync(FitContext context, QueryPatternOptions options, CancellationToken cancellationToken)
    {
        var fit = context.Reference.Fit;
        if (fit.Count < 50)
        {
            throw new FitException($"query-pattern needs at least 50 clean inputs as neighbours, better 2,000; the reference has {fit.Count} to fit on");
        }

        if (!context.Reference.HasClients)
        {
            context.Warn("the reference names no clients: how honest clients differ cannot be fitted, and honest clients with habits of their own may alarm");
        }

        var kept = fit.Count <= options.Neighbours ? fit : fit.Slice(0, options.Neighbours);
        var embedding = context.Model.IndexOf(OutputRole.Embedding);
        if (!kept.HasOutput(embedding))
        {
            context.Warn("the reference carries no embedding: name the penultimate layer under 'exports' for a sharper monitor");
        }

        var scales = ColumnScales.Of(context.Reference.All);
        var draft = new QueryPatternParameters(
            QueryPatternParameters.Scale(kept.Inputs, kept.Count, scales),
            kept.HasOutput(embedding) ? new Matrix<float>(kept.Outputs(embedding), kept.Count, context.Model.Outputs[embedding].Width) : null,
            scales,
            VersionOf(context, kept, scales),
            [],
            [],
            options.Cohorts ? SharedQueries.Frequent(context.Reference.All, row => StableHash.Of(MemoryMarshal.AsBytes(context.Reference.All.Input(row)), context.Seed)) : null,
            ColumnPairs.Fit(fit));
        if (options.Cohorts && draft.Frequent is null)
        {
            context.Warn(SharedQueries.TooMuchShared);
        }

        var checkpoints = options.Checkpoints.Select(Load).ToArray();
        try
        {
            var monitor = new QueryPatternMonitor(context.Model, draft, kernels, checkpoints, options, context.Seed);
            draft = draft with { Within = monitor.FitWithin(kept, cancellationToken) };
            monitor = new QueryPatternMonitor(context.Model, draft, kernels, checkpoints, options, context.Seed);
            return new FittedParameters((draft with { Tails = await monitor.FitTailsAsync(context.Reference.Calibration, cancellationToken).ConfigureAwait(false) }).ToBytes());
        }
        finally
        {
            foreach (var checkpoint in checkpoints)
            {
                checkpoint.Dispose();
            }
        }
    }

    protected override IMonitor Create(MonitorContext context, QueryPatternOptions options) =>
        new QueryPatternMonitor(context.Model, QueryPatternParameters.FromBytes(context.Parameters.Span), kernels, [.. options.Checkpoints.Select(Load)], options, context.Seed);

    /// <summary>
    /// Projected distance up to which a client's query says no more than one of its last four did. Rows: near copies. Images: also what comes closer than all but one in a hundred do to one of four strangers, as an input turned or moved
    /// a little does; at most half of what lies between strangers.
    /// </summary>
    private static double VersionOf(FitContext context, RowBatch rows, float[] scales)
    {
        var copy = NearCopy.Distance(context.Model, scales);
        if (context.Model.Schema.Image is null)
        {
            return copy;
        }

        var projection = new Projection(scales, context.Seed);
        var (one, other) = (new float[Projection.Width], new float[Projection.Width]);
        var nearest = new List<double>();
        for (var row = 0; row < rows.Count; row++)
        {
            projection.Of(rows.Input(row), one);
            var least = double.PositiveInfinity;
            for (var stranger = 0; stranger < 4; stranger++)
            {
                projection.Of(rows.Input((int)(Mixing.Mix(context.Seed + ((ulong)row * 4) + (ulong)stranger) % (ulong)rows.Count)), other);
                var distance = TensorPrimitives.Distance<float>(one, other);
                least = distance > copy ? Math.Min(least, distance) : least;
            }

            nearest.Add(least);
        }

        nearest.Sort();
        return Math.Max(copy, Math.Min(nearest[nearest.Count / 100], nearest[nearest.Count / 2] / 2));
    }

    private ScoringModel Load(string checkpoint) => scoring.LoadFile("checkpoint " + Path.GetFileName(checkpoint), configuration.Resolve(checkpoint));
}
