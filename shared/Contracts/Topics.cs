namespace Monitoring.Contracts;

/// <summary>Names of the topics of the event log. Permanent: they are part of the public contract.</summary>
public static class Topics
{
    /// <summary><see cref="InferenceEvent"/>, keyed by model or <c>model#shard</c>.</summary>
    public const string InferenceEvents = "inference.events";

    /// <summary><see cref="Contracts.Feedback"/>, keyed by model.</summary>
    public const string Feedback = "inference.feedback";

    /// <summary><see cref="Finding"/>, keyed by model.</summary>
    public const string Findings = "monitoring.findings";

    /// <summary><see cref="Explanation"/>, keyed by model.</summary>
    public const string Explanations = "monitoring.explanations";

    /// <summary><see cref="Control"/>, keyed by its id; compacted.</summary>
    public const string Controls = "monitoring.controls";

    /// <summary><see cref="Change"/>, keyed by model.</summary>
    public const string Changes = "monitoring.changes";

    /// <summary><see cref="Notification"/>, keyed by incident.</summary>
    public const string Notifications = "monitoring.notifications";

    /// <summary><see cref="Checkpoint"/>: signed Merkle roots of the other topics, keyed by <c>topic/partition</c>; never retired.</summary>
    public const string Evidence = "monitoring.evidence";

    /// <summary>Checkpoints of one consumer group; compacted; as many partitions as its input.</summary>
    public static string State(string group) => $"monitoring.state.{group}";

    /// <summary>Records of <paramref name="topic"/> that <paramref name="group"/> could not decode, with the reason in <see cref="Headers.DeadLetterReason"/>.</summary>
    public static string DeadLetters(string topic, string group) => $"{topic}.dlq.{group}";
}
