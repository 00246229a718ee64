using MassTransit;

namespace Monitoring.Alerting.Delivery;

/// <summary>
/// Carries row ids from the database to the senders, one queue per receiver: in memory within a process, or by RabbitMQ where
/// senders run in several. Losing a message here loses nothing: the sweep finds the row again.
/// </summary>
internal sealed class NotificationBus(IReadOnlyList<ReceiverLane> lanes, DeliveryWorker worker, Uri? rabbitMq) : IAsyncDisposable
{
    private readonly Dictionary<string, ISendEndpoint> _endpoints = new(StringComparer.Ordinal);
    private IBusControl? _bus;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _bus = rabbitMq is null
            ? Bus.Factory.CreateUsingInMemory(Configure)
            : Bus.Factory.CreateUsingRabbitMq(configurator =>
            {
                configurator.Host(rabbitMq);
                Configure(configurator);
            });
        await _bus.StartAsync(cancellationToken).ConfigureAwait(false);
        foreach (var lane in lanes)
        {
            _endpoints.Add(lane.Name, await _bus.GetSendEndpoint(new Uri($"queue:{QueueOf(lane)}")).ConfigureAwait(false));
        }
    }

    public Task SendAsync(ReceiverLane lane, string id, CancellationToken cancellationToken) =>
        _endpoints[lane.Name].Send(new DeliverNotification { Id = id }, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_bus is not null)
        {
            await _bus.StopAsync(TimeSpan.FromSeconds(10)).ConfigureAwait(false);
        }
    }

    private void Configure(IBusFactoryConfigurator configurator)
    {
        foreach (var lane in lanes)
        {
            configurator.ReceiveEndpoint(QueueOf(lane), endpoint =>
            {
                endpoint.ConcurrentMessageLimit = lane.Concurrency;
                endpoint.PrefetchCount = lane.Concurrency * 2;
                endpoint.ConfigureConsumeTopology = false;
                endpoint.Handler<DeliverNotification>(context => worker.DeliverAsync(lane, context.Message.Id, context.CancellationToken));
            });
        }
    }

    private static string QueueOf(ReceiverLane lane) => $"monitoring.alerting.{lane.Name}";
}
