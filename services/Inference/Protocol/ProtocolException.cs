namespace Monitoring.Inference;

/// <summary>A call refused: the HTTP status and the message of the protocol's error form.</summary>
internal sealed class ProtocolException(int status, string message) : Exception(message)
{
    public int Status { get; } = status;

    /// <summary>What the event says about the departure from the schema, where the refusal is one.</summary>
    public (string Feature, string Kind)? Violation { get; init; }
}
