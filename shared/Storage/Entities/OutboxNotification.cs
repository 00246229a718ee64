namespace Monitoring.Storage;

/// <summary>A message to one receiver: the outbox. Written together with what it is about, sent later, never deleted while unsent.</summary>
public sealed class OutboxNotification
{
    /// <summary>Function of (incident, transition, receiver), the <c>webhook-id</c>: the same message always has the same id.</summary>
    public required string Id { get; set; }

    /// <summary>Incident, or the digest's name.</summary>
    public required string Subject { get; set; }

    /// <summary>Order among the messages of one subject to one receiver.</summary>
    public required int Sequence { get; set; }

    public required string Transition { get; set; }

    public required string Receiver { get; set; }

    public required NotificationState State { get; set; }

    /// <summary>What is to be said, as JSON independent of the receiver's format; fixed when the row is written.</summary>
    public required string Message { get; set; }

    public string FindingId { get; set; } = "";

    /// <summary>Wall time at which the finding behind it was appended to the log; 0 when there is none.</summary>
    public long FindingUnixNano { get; set; }

    public required long CreatedUnixNano { get; set; }

    public required long NextAttemptUnixNano { get; set; }

    public int Attempts { get; set; }

    /// <summary>While sending: after this time the sender is taken to be dead.</summary>
    public long LeaseUntilUnixNano { get; set; }

    /// <summary>While sending: which process.</summary>
    public string Sender { get; set; } = "";

    /// <summary>A sender died while sending: the receiver may have got it already.</summary>
    public bool Uncertain { get; set; }

    public long? FinishedUnixNano { get; set; }

    /// <summary>Newest error; never a secret.</summary>
    public string Detail { get; set; } = "";

    /// <summary>The outcome has been appended to <c>monitoring.notifications</c>.</summary>
    public bool Published { get; set; }
}

/// <summary>States of an outbox row.</summary>
public enum NotificationState
{
    Pending,
    Sending,
    Delivered,
    Failed,

    /// <summary>Not sent on purpose; kept for the record.</summary>
    Suppressed,
}
