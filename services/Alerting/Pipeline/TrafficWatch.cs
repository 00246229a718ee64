using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Monitoring.Alerting.Incidents;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Alerting.Pipeline;

/// <summary>
/// Notices that a model's events have stopped: no monitor can, as none is called without events. Reads only the keys of
/// <c>inference.events</c>.
/// </summary>
internal sealed class TrafficWatch(IEventLog log, MonitoringDatabase database, AlertingSettings settings, FindingInjector injector, Outbox outbox, OutboxSignal signal, TimeProvider time)
{
    public const string Kind = "no-data";
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(5);
    private readonly SemaphoreSlim _checking = new(1, 1);
    private readonly ConcurrentDictionary<string, long> _last = new(StringComparer.Ordinal);

    public IPartitionProcessor CreateProcessor(PartitionAssignment assignment) => new Processor(this, log, assignment);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // A model that is silent from the start is counted from the start.
        var start = UnixNano.Now(time);
        foreach (var model in settings.Configuration.Models)
        {
            _last.TryAdd(model.Name, start);
        }

        while (!cancellationToken.IsCancellationRequested)
        {
            await CheckAsync(cancellationToken).ConfigureAwait(false);
            await Task.Delay(s_interval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Opens, keeps up or resolves the incident of every model. One check at a time: two would inject one period of silence twice.</summary>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        if (settings.Configuration.Alerting.NoDataAfter is not { } after)
        {
            return;
        }

        await _checking.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await CheckAllAsync(after, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _checking.Release();
        }
    }

    private async Task CheckAllAsync(TimeSpan after, CancellationToken cancellationToken)
    {
        var now = UnixNano.Now(time);
        foreach (var (model, last) in _last.OrderBy(l => l.Key, StringComparer.Ordinal))
        {
            var silent = now - last > UnixNano.Span(after);
            var open = await database.ReadAsync((context, token) => context.Incidents.Where(i => i.OpenKey != null && i.OpenKey == KeyOf(model)).Select(i => i.Id).FirstOrDefaultAsync(token), cancellationToken).ConfigureAwait(false);
            if (silent)
            {
                // Again while it lasts, so that the incident does not resolve for want of findings.
                await InjectAsync(model, last, now, after, first: open is null, cancellationToken).ConfigureAwait(false);
            }
            else if (open is not null)
            {
                await ResolveAsync(open, now, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    public void Seen(string model, long timeUnixNano) => _last.AddOrUpdate(model, timeUnixNano, (_, old) => Math.Max(old, timeUnixNano));

    private static string KeyOf(string model) => $"{model}|pipeline/{Kind}|";

    private async Task InjectAsync(string model, long last, long now, TimeSpan after, bool first, CancellationToken cancellationToken)
    {
        var finding = new Finding
        {
            // One finding per period of silence, so that checking often does not count as more.
            Id = string.Create(CultureInfo.InvariantCulture, $"no-data-{model}-{last}-{(now - last) / UnixNano.Span(after)}"),
            Monitor = "alerting",
            Kind = Kind,
            Family = Family.Pipeline,
            Severity = Severity.Harm,
            Model = model,
            TimeUnixNano = now,
            SinceUnixNano = last,
            Coverage = 1,
            Summary = $"no events for {Duration.Format(after)}",
        };
        var known = !first && await database.ReadAsync((context, token) => context.IncidentFindings.AnyAsync(f => f.FindingId == finding.Id, token), cancellationToken).ConfigureAwait(false);
        if (!known)
        {
            await injector.InjectAsync(finding, null, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task ResolveAsync(string id, long now, CancellationToken cancellationToken)
    {
        await database.WriteAsync(
            async (context, token) =>
            {
                if (await context.Incidents.FirstOrDefaultAsync(i => i.Id == id && i.OpenKey != null, token).ConfigureAwait(false) is { } incident)
                {
                    await outbox.CloseAsync(context, incident, IncidentState.Resolved, new TransitionFacts("resolved", TransitionFacts.Monitoring, "events arrive again", now, now), token).ConfigureAwait(false);
                }
            },
            cancellationToken).ConfigureAwait(false);
        signal.Set();
    }

    private sealed class Processor(TrafficWatch watch, IEventLog log, PartitionAssignment assignment) : IPartitionProcessor
    {
        private readonly Dictionary<int, (byte[] Key, string Model)> _names = [];

        /// <summary>Only what comes from now on counts: a group of this process alone keeps no position.</summary>
        public async ValueTask<long?> StartAsync(CancellationToken cancellationToken) =>
            (await log.GetOffsetsAsync(assignment.Topic, assignment.Partition, cancellationToken).ConfigureAwait(false)).End;

        public ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken)
        {
            // Log time grows within a partition: walking backwards, the first sight of a model is its newest.
            var seen = new HashSet<string>(StringComparer.Ordinal);
            for (var i = batch.Count - 1; i >= 0; i--)
            {
                if (batch[i].Headers.Any(h => h.Name == Headers.Type && h.Value.Span.SequenceEqual("monitoring.label.v1"u8)))
                {
                    continue;
                }

                var model = ModelOf(batch[i].Key.Span);
                if (seen.Add(model))
                {
                    watch.Seen(model, batch[i].TimeUnixNano);
                }
            }

            return ValueTask.CompletedTask;
        }

        public ValueTask StopAsync(bool lost, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        /// <summary>Keys are few and repeat: the text of one is made once.</summary>
        private string ModelOf(ReadOnlySpan<byte> key)
        {
            var hash = new HashCode();
            hash.AddBytes(key);
            var code = hash.ToHashCode();
            if (_names.TryGetValue(code, out var known) && key.SequenceEqual(known.Key))
            {
                return known.Model;
            }

            var text = Encoding.UTF8.GetString(key);
            var shard = text.LastIndexOf('#');
            var model = shard > 0 ? text[..shard] : text;
            if (_names.Count < 100_000)
            {
                _names[code] = (key.ToArray(), model);
            }

            return model;
        }
    }
}
