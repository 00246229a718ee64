namespace Monitoring.Storage;

/// <summary>An act of a person or key, refused ones included.</summary>
public sealed class AuditEntry
{
    public long Id { get; set; }

    public required long TimeUnixNano { get; set; }

    public required string Actor { get; set; }

    /// <summary>For example <c>incident.acknowledge</c>, <c>client.reveal</c>.</summary>
    public required string Action { get; set; }

    public required string Target { get; set; }

    /// <summary><c>done</c> or <c>refused</c>.</summary>
    public required string Outcome { get; set; }

    /// <summary>Never a secret.</summary>
    public required string Detail { get; set; }
}
