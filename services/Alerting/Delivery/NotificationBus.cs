using System.Collections.Concurrent;
using MassTransit;

namespace Monitoring.Alerting.Delivery;

/// <summary>
/// Carries row ids from the database to the senders, one queue per receiver: in memory within a process, or by RabbitMQ where
/// senders run in several. Losing a message here loses nothing: the sweep finds the row again.
/// </summary>
internal sealed class NotificationBus(ReceiverLanes lanes, DeliveryWorker worker, Uri? rabbitMq) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, ISendEndpoint> _endpoints = new(StringComparer.Ordinal);
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
        foreach (var lane in lanes.All)
        {
            await AddSenderAsync(_bus, lane).ConfigureAwait(false);
        }
    }

    /// <summary>A queue for a receiver that was not there at the start; one that has had a queue keeps it, whatever became of its configuration.</summary>
    public async Task AddAsync(ReceiverLane lane, CancellationToken cancellationToken)
    {
        if (_bus is { } bus && !_endpoints.ContainsKey(lane.Name))
        {
            var handle = bus.ConnectReceiveEndpoint(QueueOf(lane), endpoint => Configure(endpoint, lane));
            await handle.Ready.WaitAsync(cancellationToken).ConfigureAwait(false);
            await AddSenderAsync(bus, lane).ConfigureAwait(false);
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

    private async Task AddSenderAsync(IBusControl bus, ReceiverLane lane) =>
        _endpoints[lane.Name] = await bus.GetSendEndpoint(new Uri($"queue:{QueueOf(lane)}")).ConfigureAwait(false);

    private void Configure(IBusFactoryConfigurator configurator)
    {
        foreach (var lane in lanes.All)
        {
            configurator.ReceiveEndpoint(QueueOf(lane), endpoint => Configure(endpoint, lane));
        }
    }

    private void Configure(IReceiveEndpointConfigurator endpoint, ReceiverLane lane)
    {
        endpoint.ConcurrentMessageLimit = lane.Concurrency;
        endpoint.PrefetchCount = lane.Concurrency * 2;
        endpoint.ConfigureConsumeTopology = false;
        endpoint.Handler<DeliverNotification>(context => DeliverAsync(lane.Name, context.Message.Id, context.CancellationToken));
    }

    /// <summary>Through the lane that has this name now. Where none has, the row stays in the database.</summary>
    private async Task DeliverAsync(string name, string id, CancellationToken cancellationToken)
    {
        while (lanes.Find(name) is { } lane)
        {
            if (await lane.TryEnterAsync(cancellationToken).ConfigureAwait(false))
            {
                try
                {
                    await worker.DeliverAsync(lane, id, cancellationToken).ConfigureAwait(false);
                }
                finally
                {
                    lane.Exit();
                }

                return;
            }
        }
    }

    private static string QueueOf(ReceiverLane lane) => $"monitoring.alerting.{lane.Name}";
}
