using System.Diagnostics.Metrics;

namespace Monitoring.Incidents;

/// <summary>What happens to incidents, whoever makes it happen.</summary>
public sealed class IncidentMetrics(IMeterFactory factory)
{
    private readonly Counter<long> _transitions = factory.Create("Monitoring.Incidents")
        .CreateCounter<long>("monitoring_alerting_transitions", "{transition}", "Transitions of incidents, told or not");

    public void Transition(string transition) => _transitions.Add(1, new KeyValuePair<string, object?>("transition", transition));
}
