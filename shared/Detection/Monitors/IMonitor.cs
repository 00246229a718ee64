namespace Monitoring.Detection;

/// <summary>
/// The monitor of one model version in one partition. It does no I/O, reads no clock and starts no thread: log time, seed and rows
/// are arguments, so that a replay gives the same bytes.
/// </summary>
public interface IMonitor
{
    /// <summary>What it observes and bets on; fixed for its life. Sink calls name variables by index.</summary>
    IReadOnlyList<Variable> Variables { get; }

    /// <summary>Whether it calls <see cref="IObservationSink.Evidence"/>: that then owns a part of the monitor's budget.</summary>
    bool HoldsEvidence => Variables.Count == 0;

    /// <summary>
    /// Pure: depends on the frozen parameters and the rows only, never on state that <see cref="Apply"/> changes. Batches may
    /// be scored at once and finish in any order; heavy arithmetic goes through ONNX Runtime here.
    /// </summary>
    ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken);

    /// <summary>
    /// Takes one row with its scores, in log order, changes state and observes. The runtime turns the row's observations into evidence
    /// when this returns, before the next row. Rows with <see cref="RowInfo.Admitted"/> false are not independent draws: the runtime leaves their
    /// observations out of the evidence (see <see cref="Variable.EveryRow"/>); the monitor's own counts may use them.
    /// </summary>
    /// <param name="rows">The batch; how rows are cut into batches must not matter.</param>
    /// <param name="row">Index of the row in the batch.</param>
    /// <param name="scores">What <see cref="ScoreAsync"/> returned for the batch.</param>
    /// <param name="sink">Where observations about this row go.</param>
    void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink);

    /// <summary>The monitor's own state; null when it has none (calibrated evidence is kept by the runtime, not here).</summary>
    IMonitorState? State => null;

    /// <summary>What it measures now, for pages and metrics.</summary>
    IReadOnlyList<MonitorMeasure> Measures => [];

    /// <summary>
    /// A person closed an incident about the model's traffic (<paramref name="client"/> is empty) or about one client, at this place of the log: evidence that the monitor holds itself begins anew.
    /// Evidence that the runtime keeps does so without it.
    /// </summary>
    void Rearm(string client)
    {
    }

    /// <summary>Called while an alarm becomes a finding, in log order: add measures, samples, clients, or a better sentence.</summary>
    void Describe(AlarmContext alarm, FindingDetails details)
    {
    }
}
