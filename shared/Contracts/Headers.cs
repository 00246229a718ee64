namespace Monitoring.Contracts;

/// <summary>Record headers: CloudEvents 1.0, Kafka binary content mode (prefix <c>ce_</c>), values in UTF-8.</summary>
public static class Headers
{
    public const string SpecVersion = "ce_specversion";
    public const string Id = "ce_id";
    public const string Source = "ce_source";
    public const string Type = "ce_type";
    public const string Time = "ce_time";
    public const string Subject = "ce_subject";
    public const string ContentType = "content-type";
    public const string TraceParent = "traceparent";

    /// <summary>Log time carried through a replay into another topic: decimal nanoseconds since the epoch. Wins over the append time.</summary>
    public const string LogTime = "monitoring_log_time";

    /// <summary>On dead letters: why the record could not be processed.</summary>
    public const string DeadLetterReason = "monitoring_dead_letter_reason";

    /// <summary>On dead letters: <c>topic/partition/offset</c> of the original record.</summary>
    public const string DeadLetterOrigin = "monitoring_dead_letter_origin";
}
