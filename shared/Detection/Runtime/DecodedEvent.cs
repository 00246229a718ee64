using Monitoring.Contracts;

namespace Monitoring.Detection;

/// <summary>An event as read from the log.</summary>
internal readonly record struct DecodedEvent(InferenceEvent Inference, long Offset, long TimeUnixNano);
