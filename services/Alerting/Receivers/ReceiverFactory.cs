using Monitoring.Alerting.Receivers.Alertmanager;
using Monitoring.Alerting.Receivers.PagerDuty;
using Monitoring.Alerting.Receivers.Slack;
using Monitoring.Alerting.Receivers.Teams;
using Monitoring.Alerting.Receivers.Webhook;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting.Receivers;

/// <summary>Makes the receiver of a configuration entry: the one list of the kinds there are.</summary>
internal static class ReceiverFactory
{
    /// <summary>Throws <see cref="InvalidOperationException"/> naming the receiver and its remedy, never a secret.</summary>
    public static IReceiver Create(ReceiverConfiguration configuration, TimeProvider time)
    {
        try
        {
            return configuration switch
            {
                { Webhook: not null } => new WebhookReceiver(configuration, time),
                { Slack: not null } => new SlackReceiver(configuration, time),
                { PagerDuty: not null } => new PagerDutyReceiver(configuration, time),
                { Teams: not null } => new TeamsReceiver(configuration, time),
                { Alertmanager: not null } => new AlertmanagerReceiver(configuration, time),
                _ => throw new InvalidOperationException("it has no destination"),
            };
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or ArgumentException)
        {
            throw new InvalidOperationException($"receiver {configuration.Name}: {e.Message}", e);
        }
    }
}
