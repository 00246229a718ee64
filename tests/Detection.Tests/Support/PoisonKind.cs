using Monitoring.Contracts;

namespace Monitoring.Detection.Tests.Support;

/// <summary>Throws on rows that say so.</summary>
internal sealed class PoisonKind : MonitorKind<PlainKind.Settings>
{
    public const float InScore = 1e6f;
    public const float InApply = 2e6f;

    public override string Name => "poison";

    public override string Description => "Throws on some rows.";

    public override Family Family => Family.Quality;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, PlainKind.Settings options, CancellationToken cancellationToken) => ValueTask.FromResult(FittedParameters.None);

    protected override IMonitor Create(MonitorContext context, PlainKind.Settings options) => new Poison();

    private sealed class Poison : IMonitor
    {
        public IReadOnlyList<Variable> Variables { get; } = [new Variable("x0")];

        public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
        {
            var scores = new MonitorScores(rows.Count, 1);
            for (var row = 0; row < rows.Count; row++)
            {
                scores.Row(row)[0] = rows.Input(row)[0] == InScore ? throw new InvalidOperationException("poison in score") : rows.Input(row)[0];
            }

            return ValueTask.FromResult(scores);
        }

        public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
        {
            sink.Observe(0, scores.Row(row)[0]);
            if (scores.Row(row)[0] == InApply)
            {
                throw new InvalidOperationException("poison in apply");
            }
        }
    }
}
