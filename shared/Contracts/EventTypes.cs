namespace Monitoring.Contracts;

/// <summary>Values of <see cref="Headers.Type"/>: one per message, versioned.</summary>
public static class EventTypes
{
    public const string Inference = "monitoring.inference.v1";

    /// <summary>
    /// On <see cref="Topics.InferenceEvents"/>: a person closed an incident, so its monitors are armed again from here. An <see cref="InferenceEvent"/> without tensors whose attributes
    /// say which: <c>author</c>, <c>client</c> (sealed id; empty for the model's traffic), <c>family</c>, <c>incident</c>. It lies among the events of its model, so that where it takes effect is
    /// a matter of the log, in a replay too.
    /// </summary>
    public const string Rearm = "monitoring.rearm.v1";

    /// <summary>On <see cref="Topics.InferenceEvents"/>: a true label of an earlier call, relayed so that calls and labels have one order. An <see cref="InferenceEvent"/> with <c>label</c> and no tensors.</summary>
    public const string Label = "monitoring.label.v1";
    public const string Finding = "monitoring.finding.v1";
    public const string Explanation = "monitoring.explanation.v1";
    public const string Feedback = "monitoring.feedback.v1";
    public const string Change = "monitoring.change.v1";
    public const string Control = "monitoring.control.v1";
    public const string Notification = "monitoring.notification.v1";
    public const string Checkpoint = "monitoring.checkpoint.v1";
}
