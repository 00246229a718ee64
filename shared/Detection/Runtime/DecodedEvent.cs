using Monitoring.Contracts;

namespace Monitoring.Detection;

/// <summary>An event as read from the log: what the runtime needs of it, and where its tensors lie. See <see cref="EventReader"/>.</summary>
internal readonly struct DecodedEvent
{
    /// <summary>The encoded event.</summary>
    public required ReadOnlyMemory<byte> Bytes { get; init; }

    public required string Id { get; init; }

    public required string Model { get; init; }

    public required string Version { get; init; }

    /// <summary>Sealed id of the client; empty when unattributed.</summary>
    public required string Client { get; init; }

    public required EventFacts Facts { get; init; }

    /// <summary>Index of the first of its tensors, inputs before outputs, in <see cref="EventReader.Tensors"/>.</summary>
    public required int FirstTensor { get; init; }

    public required int Inputs { get; init; }

    public required int Outputs { get; init; }

    public required long Offset { get; init; }

    public required long TimeUnixNano { get; init; }

    /// <summary>Set when it is no call but a true label of an earlier one.</summary>
    public TrueLabel? Label { get; init; }

    /// <summary>The whole event, for who wants more.</summary>
    public InferenceEvent Parse() => InferenceEvent.Parser.ParseFrom(Bytes.Span);
}
