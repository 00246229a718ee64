using Microsoft.EntityFrameworkCore;
using Monitoring.Alerting.Incidents;
using Monitoring.Storage;

namespace Monitoring.Alerting.Receivers.Alertmanager;

/// <summary>Keeps one Alertmanager's view alive: open incidents it was told of fire again, those closed in the last five minutes resolve again.</summary>
internal sealed class AlertmanagerResend(string name, AlertmanagerReceiver receiver, TimeSpan interval, MonitoringDatabase database, Outbox outbox, TimeProvider time)
{
    private const int MaxAlerts = 500;
    private static readonly TimeSpan s_resolvedFor = TimeSpan.FromMinutes(5);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(interval, time, cancellationToken).ConfigureAwait(false);
            await SendAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public async Task<int> SendAsync(CancellationToken cancellationToken)
    {
        var now = UnixNano.Now(time);
        var closedAfter = now - UnixNano.Span(s_resolvedFor);
        var incidents = await database.ReadAsync(
            (context, token) => context.Incidents
                .Where(i => i.OpenKey != null || i.ClosedUnixNano > closedAfter)
                .Where(i => context.Notifications.Any(n => n.Subject == i.Id && n.Receiver == name && n.State == NotificationState.Delivered))
                .OrderByDescending(i => i.OpenedUnixNano)
                .Take(MaxAlerts)
                .ToListAsync(token),
            cancellationToken).ConfigureAwait(false);
        if (incidents.Count > 0)
        {
            var messages = incidents.ConvertAll(i => outbox.Message(i, new TransitionFacts(Vocabulary.Of(i.State), TransitionFacts.Monitoring, "", now, now)));
            var result = await receiver.SendAsync(messages, cancellationToken).ConfigureAwait(false);
            if (result.Outcome != DeliveryOutcome.Delivered)
            {
                throw new HttpRequestException($"Alertmanager {name} did not take the alerts again: {result.Detail}");
            }
        }

        return incidents.Count;
    }
}
