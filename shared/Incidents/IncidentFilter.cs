using Monitoring.Contracts;
using Monitoring.Storage;

namespace Monitoring.Incidents;

/// <summary>Which incidents to list; null fields match all.</summary>
public sealed record IncidentFilter
{
    public IncidentState? State { get; init; }

    public bool? IsOpen { get; init; }

    public Severity? Severity { get; init; }

    public Family? Family { get; init; }

    public string? Model { get; init; }

    public string? Client { get; init; }

    public string? Parent { get; init; }

    /// <summary>Opened before, nanoseconds.</summary>
    public long? Before { get; init; }

    /// <summary>1 to 500; 50 when null.</summary>
    public int? Limit { get; init; }
}
