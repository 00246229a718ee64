using Monitoring.Contracts;

namespace Monitoring.Detection.Tests.Support;

/// <summary>One variable of the inputs and one of the answers; the inputs carry over to a new version.</summary>
internal sealed class VersionKind : MonitorKind<PlainKind.Settings>
{
    public override string Name => "version";

    public override string Description => "An input and an answer.";

    public override Family Family => Family.Drift;

    public override bool CarriesOver => true;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, PlainKind.Settings options, CancellationToken cancellationToken) => ValueTask.FromResult(FittedParameters.None);

    protected override IMonitor Create(MonitorContext context, PlainKind.Settings options) => new Monitor();

    private sealed class Monitor() : RowScoringMonitor([new Variable("input"), new Variable("answer") { OfAnswers = true }])
    {
        protected override void Score(RowBatch rows, Span<float> scores)
        {
            for (var row = 0; row < rows.Count; row++)
            {
                scores[2 * row] = rows.Input(row)[0];
                scores[(2 * row) + 1] = rows.Output(0, row)[0];
            }
        }
    }
}
