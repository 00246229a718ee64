namespace Monitoring.Incidents;

/// <summary>How an act on an incident ended.</summary>
public enum ActOutcome
{
    Done,
    NotFound,

    /// <summary>The incident is in a state in which the act has no place.</summary>
    NotNow,

    /// <summary>The caller may not touch this model.</summary>
    Forbidden,
}
