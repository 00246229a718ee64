using Monitoring.Detection;

namespace Monitoring.Outlier;

/// <summary>One variable, <c>score</c>: what a graph makes of the row.</summary>
/// <param name="score">Scores of a batch, one a row, as <see cref="RowOutlierMonitor.Narrow"/> leaves them.</param>
internal sealed class GraphScoreMonitor(Func<RowBatch, CancellationToken, float[]> score) : RowScoringMonitor([new Variable("score")])
{
    public override void Describe(AlarmContext alarm, FindingDetails details) =>
        details.Measures["score"] = score(alarm.Rows.Slice(alarm.Row, 1), CancellationToken.None)[0];

    protected override ValueTask ScoreAsync(RowBatch rows, Memory<float> scores, CancellationToken cancellationToken)
    {
        if (rows.Count > 0)
        {
            score(rows, cancellationToken).CopyTo(scores);
        }

        return ValueTask.CompletedTask;
    }
}
