namespace Monitoring.Contracts;

/// <summary>Values of <see cref="Headers.Type"/>: one per message, versioned.</summary>
public static class EventTypes
{
    public const string Inference = "monitoring.inference.v1";
    public const string Finding = "monitoring.finding.v1";
    public const string Explanation = "monitoring.explanation.v1";
    public const string Feedback = "monitoring.feedback.v1";
    public const string Change = "monitoring.change.v1";
    public const string Control = "monitoring.control.v1";
    public const string Notification = "monitoring.notification.v1";
    public const string Checkpoint = "monitoring.checkpoint.v1";
}
