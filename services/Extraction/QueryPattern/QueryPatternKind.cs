using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

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

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, QueryPatternOptions options, CancellationToken cancellationToken)
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

        foreach (var checkpoint in options.Checkpoints)
        {
            using var model = Load(checkpoint);
        }

        var scales = ColumnScales.Of(context.Reference.All);
        return ValueTask.FromResult(new FittedParameters(new QueryPatternParameters(
            QueryPatternParameters.Scale(kept.Inputs, kept.Count, scales),
            kept.HasOutput(embedding) ? new Matrix<float>(kept.Outputs(embedding), kept.Count, context.Model.Outputs[embedding].Width) : null,
            scales).ToBytes()));
    }

    protected override IMonitor Create(MonitorContext context, QueryPatternOptions options) =>
        new QueryPatternMonitor(context.Model, QueryPatternParameters.FromBytes(context.Parameters.Span), kernels, [.. options.Checkpoints.Select(Load)], options, context.Seed);

    private ScoringModel Load(string checkpoint) => scoring.LoadFile("checkpoint " + Path.GetFileName(checkpoint), configuration.Resolve(checkpoint));
}
