using Monitoring.Contracts;

namespace Monitoring.Storage;

/// <summary>Matching incidents send no messages until the silence ends. Empty fields match everything.</summary>
public sealed class Silence
{
    public long Id { get; set; }

    public required string Model { get; set; }

    public required string Client { get; set; }

    /// <summary><see cref="Family.Unspecified"/> matches every family.</summary>
    public required Family Family { get; set; }

    public required long StartsUnixNano { get; set; }

    public required long EndsUnixNano { get; set; }

    public required string Author { get; set; }

    public required string Reason { get; set; }
}
