namespace Monitoring.Detection;

/// <summary>Base of monitors without state that give every row one number per variable: write <see cref="Score"/> and be done.</summary>
public abstract class RowScoringMonitor(IReadOnlyList<Variable> variables) : IMonitor
{
    public IReadOnlyList<Variable> Variables { get; } = variables;

    public async ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
    {
        var scores = new MonitorScores(rows.Count, Variables.Count);
        await ScoreAsync(rows, scores.Values, cancellationToken).ConfigureAwait(false);
        return scores;
    }

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        for (var variable = 0; variable < scores.Columns; variable++)
        {
            sink.Observe(variable, scores.Values[(row * scores.Columns) + variable], Variables[variable].PerSubject ? rows.Rows[row].Client : "");
        }
    }

    public virtual void Describe(AlarmContext alarm, FindingDetails details)
    {
    }

    /// <summary>Fills <paramref name="scores"/> (rows × variables, row-major). Pure. Either this or <see cref="Score"/> is overridden.</summary>
    protected virtual ValueTask ScoreAsync(RowBatch rows, Memory<float> scores, CancellationToken cancellationToken)
    {
        Score(rows, scores.Span);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc cref="ScoreAsync(RowBatch, Memory{float}, CancellationToken)"/>
    protected virtual void Score(RowBatch rows, Span<float> scores) =>
        throw new InvalidOperationException($"{GetType().Name} overrides neither Score nor ScoreAsync");
}
