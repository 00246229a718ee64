namespace Monitoring.Replay.Evidence;

/// <summary>The log does not hold, or no longer holds unchanged, what a bundle was asked to prove.</summary>
internal sealed class EvidenceException(string message) : Exception(message);
