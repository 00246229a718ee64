namespace Monitoring.Alerting.Delivery;

/// <summary>What travels on the bus: the id of an outbox row, nothing else. The row says what to send and whether it still has to be.</summary>
public sealed record DeliverNotification
{
    public required string Id { get; init; }
}
