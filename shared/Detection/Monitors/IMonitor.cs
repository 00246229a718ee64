namespace Monitoring.Detection;

/// <summary>
/// The monitor of one model version in one partition. It does no I/O, reads no clock and starts no thread: log time, seed and rows
/// are arguments, so that a replay gives the same bytes.
/// </summary>
public interface IMonitor
{
    /// <summary>What it observes and bets on; fixed for its life. Sink calls name variables by index.</summary>
    IReadOnlyList<Variable> Variables { get; }

    /// <summary>
    /// Pure: depends on the frozen parameters and the rows only, never on state that <see cref="Apply"/> changes. Batches may
    /// be scored at once and finish in any order; heavy arithmetic goes through ONNX Runtime here.
    /// </summary>
    ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken);

    /// <summary>
    /// Takes the scores in log order, one batch at a time, changes state and observes. Must not depend on where batches
    /// are cut: applying rows one by one gives the same state and the same calls. Rows with <see cref="RowInfo.Admitted"/> false are not independent
    /// draws: the runtime leaves their observations out of the evidence (see <see cref="Variable.EveryRow"/>).
    /// </summary>
    void Apply(RowBatch rows, MonitorScores scores, IObservationSink sink);

    /// <summary>The monitor's own state; null when it has none (calibrated evidence is kept by the runtime, not here).</summary>
    IMonitorState? State => null;

    /// <summary>Called while an alarm becomes a finding, in log order: add measures, samples, clients, or a better sentence.</summary>
    void Describe(AlarmContext alarm, FindingDetails details)
    {
    }
}
