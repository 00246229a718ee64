namespace Monitoring.Hosting.Configuration;

/// <summary>Receivers: unique names, exactly one destination each; routes name receivers that exist.</summary>
internal sealed class ReceiverValidator : IConfigurationValidator
{
    public void Validate(LoadedConfiguration configuration, ValidationReport report)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < configuration.Value.Receivers.Count; i++)
        {
            var receiver = configuration.Value.Receivers[i];
            if (receiver.Name.Length > 0 && !names.Add(receiver.Name))
            {
                report.Error($"receivers[{i}].name", $"'{receiver.Name}' is the name of an earlier receiver");
            }

            object?[] destinations = [receiver.Webhook, receiver.Slack, receiver.PagerDuty, receiver.Teams, receiver.Alertmanager];
            var count = destinations.Count(d => d is not null);
            if (count != 1)
            {
                report.Error($"receivers[{i}]", $"has {count} destinations; allowed: exactly one of webhook, slack, pagerDuty, teams, alertmanager");
            }
        }

        for (var i = 0; i < configuration.Value.Routes.Count; i++)
        {
            var receiver = configuration.Value.Routes[i].Receiver;
            if (receiver.Length > 0 && !names.Contains(receiver))
            {
                report.Error($"routes[{i}].receiver", $"'{receiver}' is not a receiver; allowed: {(names.Count > 0 ? string.Join(", ", names.Order(StringComparer.Ordinal)) : "none is configured")}");
            }
        }
    }
}
