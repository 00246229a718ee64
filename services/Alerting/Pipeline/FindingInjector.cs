using Monitoring.Contracts;
using Monitoring.Storage;

namespace Monitoring.Alerting.Pipeline;

/// <summary>Runs a finding that this service itself makes (data lost, no data) through the same stages as a monitor's.</summary>
internal sealed class FindingInjector(MonitoringDatabase database, AlertStages stages, AlertingMetrics metrics, OutboxSignal signal, TimeProvider time)
{
    /// <summary>As of now.</summary>
    public IReadOnlyList<IAlertStage> Stages => stages.Current;

    /// <param name="finding">Finding; the same id twice is one finding.</param>
    /// <param name="also">Written in the same transaction.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task InjectAsync(Finding finding, Func<MonitoringDbContext, CancellationToken, Task>? also, CancellationToken cancellationToken)
    {
        var now = UnixNano.Now(time);
        var rows = await database.WriteAsync(
            async (context, token) =>
            {
                var batch = await IncidentBatch.LoadAsync(context, [finding], now, token).ConfigureAwait(false);
                var alert = new AlertContext(finding, now, batch);
                foreach (var stage in stages.Current)
                {
                    await stage.ApplyAsync(alert, token).ConfigureAwait(false);
                }

                if (also is not null)
                {
                    await also(context, token).ConfigureAwait(false);
                }

                return batch.Rows;
            },
            cancellationToken).ConfigureAwait(false);
        foreach (var row in rows)
        {
            metrics.Created(row.Receiver);
            metrics.Transition(row.Transition);
        }

        signal.Set();
    }
}
