using Monitoring.Contracts;

namespace Monitoring.Storage;

/// <summary>A finding that belongs to an incident.</summary>
public sealed class IncidentFinding
{
    public required string IncidentId { get; set; }

    public required string FindingId { get; set; }

    public required long TimeUnixNano { get; set; }

    public required string Monitor { get; set; }

    public required string Kind { get; set; }

    public required Severity Severity { get; set; }

    /// <summary>The finding as it came: protobuf <see cref="Finding"/>.</summary>
    public required byte[] Payload { get; set; }

    /// <summary>Whether its sample events have been copied out of the reach of retention.</summary>
    public required PinState Pin { get; set; }
}

/// <summary>Progress of copying evidence.</summary>
public enum PinState
{
    /// <summary>Nothing to copy, or the incident has enough.</summary>
    None,
    Pending,
    Pinned,

    /// <summary>Some events were not in the log any more.</summary>
    Incomplete,
}
