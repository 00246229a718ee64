using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Alerting.Delivery;
using Monitoring.Alerting.Evidence;
using Monitoring.Alerting.Incidents;
using Monitoring.Alerting.Pipeline;
using Monitoring.Alerting.Receivers;
using Monitoring.Alerting.Receivers.Alertmanager;
using Monitoring.Alerting.Responses;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Alerting;

/// <summary>Runs the service: the database, the consumer of findings, the senders and the clocks.</summary>
internal sealed partial class AlertingService(
    IEventLog log,
    LogTopics topics,
    MonitoringDatabase database,
    AlertingSettings settings,
    Outbox outbox,
    IncidentKeeper keeper,
    DailyDigest digest,
    DatabaseRetention retention,
    RearmPublisher rearm,
    FindingInjector injector,
    TrafficWatch traffic,
    EvidencePinner pinner,
    ResponsePolicies policies,
    AlertingMetrics metrics,
    OutboxSignal signal,
    TimeProvider time,
    ILoggerFactory loggers) : IHostedService, IAsyncDisposable
{
    private const string ConsumerLoop = "finding consumer";
    private readonly CancellationTokenSource _stop = new();
    private readonly ILogger _logger = loggers.CreateLogger<AlertingService>();
    private readonly List<Task> _loops = [];
    private readonly List<Task> _resends = [];
    private readonly ReceiverLanes _lanes = new(time);
    private NotificationBus? _bus;

    /// <summary>Null while findings are consumed, else why they are not.</summary>
    public string? NotReady { get; private set; } = "starting";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await database.InitializeAsync(cancellationToken).ConfigureAwait(false);
        _lanes.Switch(Lanes(settings.Configuration));
        Observe();
        var worker = new DeliveryWorker(database, settings, metrics, signal, time, loggers.CreateLogger<DeliveryWorker>());
        await worker.RecoverAsync(atStart: true, cancellationToken).ConfigureAwait(false);
        var rabbitMq = settings.Configuration.Alerting.RabbitMq is { } reference ? new Uri(reference.Read()) : null;
        _bus = new NotificationBus(_lanes, worker, rabbitMq);
        await _bus.StartAsync(cancellationToken).ConfigureAwait(false);

        await new Rehearsal(database, injector, worker, _bus, time, loggers.CreateLogger<Rehearsal>()).RunAsync(_lanes.All, cancellationToken).ConfigureAwait(false);

        var sweep = new OutboxSweep(database, _lanes, _bus, worker, signal, time);
        var publisher = new OutcomePublisher(database, log, time);
        _loops.Add(KeepRunningAsync("outbox sweep", sweep.RunAsync));
        _loops.Add(KeepRunningAsync("outcome publisher", async token =>
        {
            await topics.Ready.WaitAsync(token).ConfigureAwait(false);
            await publisher.RunAsync(token).ConfigureAwait(false);
        }));
        foreach (var lane in _lanes.All)
        {
            Begin(lane);
        }

        await TellOrphansAsync(cancellationToken).ConfigureAwait(false);
        _loops.Add(KeepRunningAsync("incident keeper", keeper.RunAsync));
        _loops.Add(KeepRunningAsync("daily digest", digest.RunAsync));
        _loops.Add(KeepRunningAsync("database retention", retention.RunAsync));
        _loops.Add(KeepRunningAsync("re-arm publisher", async token =>
        {
            await topics.Ready.WaitAsync(token).ConfigureAwait(false);
            await rearm.RunAsync(token).ConfigureAwait(false);
        }));
        _loops.Add(KeepRunningAsync("evidence pinner", async token =>
        {
            await topics.Ready.WaitAsync(token).ConfigureAwait(false);
            await pinner.RunAsync(token).ConfigureAwait(false);
        }));
        _loops.Add(KeepRunningAsync("response policies", policies.RunAsync));

        if (settings.Configuration.Alerting.NoDataAfter is not null)
        {
            _loops.Add(KeepRunningAsync("traffic watch", WatchTrafficAsync));
        }

        _loops.Add(KeepRunningAsync(ConsumerLoop, ConsumeAsync));
    }

    /// <summary>
    /// Makes the ways out of another configuration and opens their queues; nothing uses them yet. Those whose receiver did not change, nor any of its secrets, are the ones in use.
    /// </summary>
    /// <exception cref="InvalidOperationException">A receiver cannot be made; names it and its remedy.</exception>
    public async Task<IReadOnlyList<ReceiverLane>> PrepareAsync(MonitoringConfiguration next, CancellationToken cancellationToken)
    {
        if (_bus is not { } bus)
        {
            throw new InvalidOperationException("receivers: alerting has not started yet");
        }

        var lanes = Lanes(next);
        foreach (var lane in lanes)
        {
            await bus.AddAsync(lane, cancellationToken).ConfigureAwait(false);
        }

        return lanes;
    }

    /// <summary>From now on these are the ways out, and this the configuration.</summary>
    public void Switch(IReadOnlyList<ReceiverLane> lanes, MonitoringConfiguration next)
    {
        var before = _lanes.All;
        settings.Switch(next);
        foreach (var removed in _lanes.Switch(lanes))
        {
            LogRemoved(removed.Name);
        }

        foreach (var lane in lanes.Except(before))
        {
            Begin(lane);
        }

        signal.Set();
    }

    /// <summary>Frees what was made for a configuration that is not used.</summary>
    public void Abandon(IReadOnlyList<ReceiverLane> lanes)
    {
        foreach (var lane in lanes.Except(_lanes.All))
        {
            lane.Dispose();
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_loops).ConfigureAwait(false);
        Task[] resends;
        lock (_resends)
        {
            resends = [.. _resends];
        }

        await Task.WhenAll(resends).ConfigureAwait(false);
        if (_bus is not null)
        {
            await _bus.DisposeAsync().ConfigureAwait(false);
            _bus = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        // The container knows this object as two services and disposes of it twice.
        await StopAsync(CancellationToken.None).ConfigureAwait(false);
        _lanes.Dispose();
    }

    private List<ReceiverLane> Lanes(MonitoringConfiguration configuration)
    {
        var lanes = new List<ReceiverLane>();
        try
        {
            foreach (var receiver in configuration.Receivers)
            {
                lanes.Add(_lanes.Find(receiver.Name) is { RemovedAt: null } known && known.Fingerprint == ReceiverLane.FingerprintOf(receiver) ? known : new ReceiverLane(receiver, ReceiverFactory.Create(receiver, time), time));
            }

            return lanes;
        }
        catch
        {
            Abandon(lanes);
            throw;
        }
    }

    private void Begin(ReceiverLane lane)
    {
        metrics.InitializeReceiver(lane.Name);
        if (lane is { Receiver: AlertmanagerReceiver alertmanager, AlertmanagerResend: { } interval })
        {
            var resend = new AlertmanagerResend(lane.Name, alertmanager, interval, database, outbox, time);
            lock (_resends)
            {
                _resends.RemoveAll(r => r.IsCompleted);
                _resends.Add(KeepRunningUntilAsync($"resend to {lane.Name}", resend.RunAsync, lane.Retiring));
            }
        }
    }

    /// <summary>Messages of receivers that were removed while nobody was here to send them: they wait for a receiver of that name.</summary>
    private async Task TellOrphansAsync(CancellationToken cancellationToken)
    {
        var names = settings.Configuration.Receivers.Select(r => r.Name).ToList();
        var orphans = await database.ReadAsync(
            (context, token) => context.Notifications
                .Where(n => n.State == NotificationState.Pending && !names.Contains(n.Receiver))
                .GroupBy(n => n.Receiver)
                .Select(g => new { g.Key, Count = g.LongCount() })
                .ToListAsync(token),
            cancellationToken).ConfigureAwait(false);
        foreach (var orphan in orphans)
        {
            LogOrphans(orphan.Count, orphan.Key);
        }
    }

    private async Task ConsumeAsync(CancellationToken cancellationToken)
    {
        await topics.Ready.WaitAsync(cancellationToken).ConfigureAwait(false);
        await log.EnsureTopicAsync(new TopicDefinition(Topics.DeadLetters(Topics.Findings, FindingProcessor.Consumer), 1), cancellationToken).ConfigureAwait(false);
        var subscription = await log.SubscribeAsync(
            new GroupSubscription(
                FindingProcessor.Consumer,
                Topics.Findings,
                assignment => new FindingProcessor(assignment, log, database, injector, metrics, signal, time)),
            cancellationToken).ConfigureAwait(false);
        await using (subscription.ConfigureAwait(false))
        {
            NotReady = null;
            await subscription.Completion.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task WatchTrafficAsync(CancellationToken cancellationToken)
    {
        await topics.Ready.WaitAsync(cancellationToken).ConfigureAwait(false);

        // A group of its own: each process must see every model, not a share of the partitions.
        var subscription = await log.SubscribeAsync(new GroupSubscription($"alerting-traffic-{settings.Instance}", Topics.InferenceEvents, traffic.CreateProcessor), cancellationToken).ConfigureAwait(false);
        await using (subscription.ConfigureAwait(false))
        {
            var first = await Task.WhenAny(subscription.Completion, traffic.RunAsync(cancellationToken)).ConfigureAwait(false);
            await first.ConfigureAwait(false);
        }
    }

    /// <summary>A loop that fails (a busy disk, a broker away) is told, waits, and goes on; it never ends in silence.</summary>
    private Task KeepRunningAsync(string name, Func<CancellationToken, Task> run) => KeepRunningUntilAsync(name, run, CancellationToken.None);

    private async Task KeepRunningUntilAsync(string name, Func<CancellationToken, Task> run, CancellationToken until)
    {
        await Task.Yield();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, until);
        var stop = either.Token;
        var wait = TimeSpan.FromMilliseconds(200);
        while (!stop.IsCancellationRequested)
        {
            var start = time.GetTimestamp();
            try
            {
                await run(stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogLoopFailed(name, wait, e);
                NotReady = name == ConsumerLoop ? $"findings are not read: {e.Message}" : NotReady;
            }

            wait = time.GetElapsedTime(start) > TimeSpan.FromMinutes(1) ? TimeSpan.FromMilliseconds(200) : TimeSpan.FromSeconds(Math.Min(30, wait.TotalSeconds * 2));
            try
            {
                await Task.Delay(wait, time, stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private void Observe()
    {
        metrics.Meter.CreateObservableGauge(
            "monitoring_alerting_incidents_open",
            () => ((string[])["harm", "change", "record"]).Select(s => new Measurement<long>(keeper.Open.GetValueOrDefault(s), new KeyValuePair<string, object?>("severity", s))),
            "{incident}",
            "Open incidents");
        metrics.Meter.CreateObservableGauge(
            "monitoring_alerting_queue_depth",
            () => _lanes.All.Select(l => new Measurement<long>(l.Depth, new KeyValuePair<string, object?>("receiver", l.Name))),
            "{notification}",
            "Outbox rows not finished");
        metrics.Meter.CreateObservableGauge(
            "monitoring_alerting_receiver_state",
            () => _lanes.All.Select(l => new Measurement<int>(l.State, new KeyValuePair<string, object?>("receiver", l.Name))),
            null,
            "0 works, 1 probing, 2 circuit open, 3 answered 410 and gets no more");
    }

    [LoggerMessage(EventId = 7002, Level = LogLevel.Warning, Message = "Receiver {Receiver} is not configured any more; messages that wait for it are still sent, and no new ones are made")]
    private partial void LogRemoved(string receiver);

    [LoggerMessage(EventId = 7003, Level = LogLevel.Warning, Message = "{Count} messages wait for receiver {Receiver}, which is not configured; they are sent when a receiver of that name is")]
    private partial void LogOrphans(long count, string receiver);

    [LoggerMessage(EventId = 7001, Level = LogLevel.Error, Message = "The {Loop} stopped and starts again in {Wait}")]
    private partial void LogLoopFailed(string loop, TimeSpan wait, Exception exception);
}
