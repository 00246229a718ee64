using Microsoft.EntityFrameworkCore;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Alerting.Incidents;

/// <summary>Closes incidents that have gone quiet, a storm together with its members.</summary>
internal sealed class IncidentKeeper(MonitoringDatabase database, AlertingSettings settings, Outbox outbox, AlertingMetrics metrics, OutboxSignal signal, TimeProvider time)
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(5);

    /// <summary>Open incidents as last counted, by severity.</summary>
    public IReadOnlyDictionary<string, long> Open { get; private set; } = new Dictionary<string, long>(StringComparer.Ordinal);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await ResolveQuietAsync(cancellationToken).ConfigureAwait(false);
            await CountAsync(cancellationToken).ConfigureAwait(false);
            await Task.Delay(s_interval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    public async Task<int> ResolveQuietAsync(CancellationToken cancellationToken)
    {
        var now = UnixNano.Now(time);
        var limit = now - UnixNano.Span(settings.Configuration.Alerting.ResolveAfter);
        var closed = await database.WriteAsync(
            async (context, token) =>
            {
                var quiet = await context.Incidents
                    .Where(i => i.OpenKey != null && i.LastFindingUnixNano < limit)
                    .OrderBy(i => i.LastFindingUnixNano).ThenBy(i => i.Id)
                    .Take(500)
                    .ToListAsync(token).ConfigureAwait(false);
                var text = $"no new finding for {Duration.Format(settings.Configuration.Alerting.ResolveAfter)}";
                foreach (var incident in quiet)
                {
                    await outbox.CloseAsync(context, incident, IncidentState.Resolved, new TransitionFacts("resolved", TransitionFacts.Monitoring, text, now, now), token).ConfigureAwait(false);
                }

                return quiet.Count;
            },
            cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < closed; i++)
        {
            metrics.Transition("resolved");
        }

        if (closed > 0)
        {
            signal.Set();
        }

        return closed;
    }

    private async Task CountAsync(CancellationToken cancellationToken)
    {
        var counts = await database.ReadAsync(
            (context, token) => context.Incidents
                .Where(i => i.OpenKey != null)
                .GroupBy(i => i.Severity)
                .Select(g => new { g.Key, Count = g.LongCount() })
                .ToListAsync(token),
            cancellationToken).ConfigureAwait(false);
        Open = counts.ToDictionary(c => Vocabulary.Of(c.Key), c => c.Count, StringComparer.Ordinal);
    }
}
