using Monitoring.Contracts;

namespace Monitoring.Storage;

/// <summary>A closed incident whose monitors are to be told to arm again: written with the closing, gone when the log has taken the record.</summary>
public sealed class PendingRearm
{
    public required string IncidentId { get; set; }

    public required string Model { get; set; }

    public required Family Family { get; set; }

    public required string Client { get; set; }

    public required string Author { get; set; }

    public required long TimeUnixNano { get; set; }
}
