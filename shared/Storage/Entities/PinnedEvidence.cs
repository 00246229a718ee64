namespace Monitoring.Storage;

/// <summary>A log record copied when an incident opened, so that retention cannot take it.</summary>
public sealed class PinnedEvidence
{
    public required string IncidentId { get; set; }

    public required string EventId { get; set; }

    public required string Topic { get; set; }

    public required int Partition { get; set; }

    public required long Offset { get; set; }

    /// <summary>Log time.</summary>
    public required long TimeUnixNano { get; set; }

    public required byte[] Payload { get; set; }

    /// <summary>Of <see cref="Payload"/>, lower-case hexadecimal.</summary>
    public required string Sha256 { get; set; }
}
