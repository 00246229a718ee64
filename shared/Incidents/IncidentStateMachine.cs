using Monitoring.Storage;

namespace Monitoring.Incidents;

/// <summary>Which act leads where. Closed incidents stay closed: what comes later opens a new one.</summary>
public static class IncidentStateMachine
{
    /// <summary>State after the act; null when the act has no place there.</summary>
    public static IncidentState? After(IncidentState state, IncidentAct act) => (state, act) switch
    {
        (IncidentState.Open, IncidentAct.Acknowledge) => IncidentState.Acknowledged,
        (IncidentState.Open or IncidentState.Acknowledged, IncidentAct.Resolve) => IncidentState.Resolved,
        // What resolved by itself may turn out to have been nothing: the label counts for the monitor's precision.
        (IncidentState.Open or IncidentState.Acknowledged or IncidentState.Resolved, IncidentAct.FalseAlarm) => IncidentState.FalseAlarm,
        _ => null,
    };
}

/// <summary>What people do to an incident.</summary>
public enum IncidentAct
{
    Acknowledge,
    Resolve,
    FalseAlarm,
}
