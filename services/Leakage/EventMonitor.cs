using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Leakage;

/// <summary>Base of monitors that look at whole events and report what is certain: once per event, at its first row.</summary>
internal abstract class EventMonitor : IMonitor
{
    public IReadOnlyList<Variable> Variables => [];

    public bool HoldsEvidence => false;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken) => ValueTask.FromResult(MonitorScores.Empty);

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        ref readonly var info = ref rows.Rows[row];
        if (info.EventRow == 0 && info.Event < rows.Events.Count)
        {
            Apply(rows.Events[info.Event], info.Client, sink);
        }
    }

    protected abstract void Apply(InferenceEvent inference, string client, IObservationSink sink);
}
