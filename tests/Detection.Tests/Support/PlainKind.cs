using Monitoring.Contracts;

namespace Monitoring.Detection.Tests.Support;

/// <summary>Watches every column as it is.</summary>
internal sealed class PlainKind : MonitorKind<PlainKind.Settings>
{
    public override string Name => "plain";

    public override string Description => "Columns as they are.";

    public override Family Family => Family.Drift;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, Settings options, CancellationToken cancellationToken) => ValueTask.FromResult(FittedParameters.None);

    protected override IMonitor Create(MonitorContext context, Settings options) => new Plain(context.Model);

    internal sealed record Settings
    {
        [System.ComponentModel.DataAnnotations.Range(1, 10)]
        public int Strength { get; init; } = 1;
    }

    private sealed class Plain(ModelDescription model) : RowScoringMonitor([.. model.Schema.Features.Select(f => new Variable(f.Name))])
    {
        protected override void Score(RowBatch rows, Span<float> scores) => rows.Inputs.Span.CopyTo(scores);
    }
}
