using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.AllInOne.Demo;

/// <summary>What the log says about the demo's run: events by offset, findings, notifications.</summary>
internal sealed class DemoAccounting
{
    private readonly Dictionary<(int Partition, long Offset), Captured> _events = [];

    /// <summary>Distinct event ids in the log.</summary>
    public long CapturedEvents { get; private set; }

    /// <summary>Findings in the order of their append, with the append time.</summary>
    public List<(Finding Finding, long AppendedUnixNano)> Findings { get; } = [];

    public List<Notification> Notifications { get; } = [];

    /// <summary>Explanations in the order of their append.</summary>
    public List<Explanation> Explanations { get; } = [];

    /// <summary>Times of the attacker's calls in log order.</summary>
    public List<long> AttackTimes { get; } = [];

    /// <summary>Events of each model in log order, by the time of their call.</summary>
    public Dictionary<string, List<long>> CallTimes { get; } = new(StringComparer.Ordinal);

    public static async Task<DemoAccounting> ReadAsync(IEventLog log, CancellationToken cancellationToken)
    {
        var result = new DemoAccounting();
        var ids = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var entry in ReadAllAsync(log, Topics.InferenceEvents, cancellationToken).ConfigureAwait(false))
        {
            var inference = InferenceEvent.Parser.ParseFrom(entry.Value!.Value.Span);
            if (!ids.Add(inference.Id))
            {
                continue;
            }

            result._events[(entry.Partition, entry.Offset)] = new Captured(inference.TimeUnixNano, DemoAttack.IsOwn(inference.RequestId));
            if (!result.CallTimes.TryGetValue(inference.Model, out var times))
            {
                result.CallTimes[inference.Model] = times = [];
            }

            times.Add(inference.TimeUnixNano);
            if (DemoAttack.IsOwn(inference.RequestId))
            {
                result.AttackTimes.Add(inference.TimeUnixNano);
            }
        }

        result.CapturedEvents = ids.Count;
        await foreach (var entry in ReadAllAsync(log, Topics.Findings, cancellationToken).ConfigureAwait(false))
        {
            result.Findings.Add((Finding.Parser.ParseFrom(entry.Value!.Value.Span), entry.TimeUnixNano));
        }

        await foreach (var entry in ReadAllAsync(log, Topics.Notifications, cancellationToken).ConfigureAwait(false))
        {
            result.Notifications.Add(Notification.Parser.ParseFrom(entry.Value!.Value.Span));
        }

        await foreach (var entry in ReadAllAsync(log, Topics.Explanations, cancellationToken).ConfigureAwait(false))
        {
            result.Explanations.Add(Explanation.Parser.ParseFrom(entry.Value!.Value.Span));
        }

        return result;
    }

    /// <summary>Records of a topic, as the offsets tell.</summary>
    public static async Task<long> CountAsync(IEventLog log, string topic, CancellationToken cancellationToken)
    {
        var partitions = await log.GetPartitionCountAsync(topic, cancellationToken).ConfigureAwait(false);
        long count = 0;
        for (var partition = 0; partition < partitions; partition++)
        {
            var range = await log.GetOffsetsAsync(topic, partition, cancellationToken).ConfigureAwait(false);
            count += range.End - range.Start;
        }

        return count;
    }

    /// <summary>When the call was made whose event crossed the level; null for findings about no single event.</summary>
    public long? CallTime(Finding finding) =>
        _events.TryGetValue((finding.Position.InputPartition, finding.Position.InputOffset), out var captured) ? captured.TimeUnixNano : null;

    /// <summary>Calls of the model made after <paramref name="from"/> and up to <paramref name="to"/>, both in nanoseconds since the epoch.</summary>
    public long CallsBetween(string model, long from, long to) => CallTimes.TryGetValue(model, out var times) ? times.Count(t => t > from && t <= to) : 0;

    /// <summary>Whether the call whose event crossed the level was the attacker's.</summary>
    public bool IsAttack(Finding finding) =>
        _events.TryGetValue((finding.Position.InputPartition, finding.Position.InputOffset), out var captured) && captured.IsAttack;

    private static async IAsyncEnumerable<LogEntry> ReadAllAsync(IEventLog log, string topic, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var partitions = await log.GetPartitionCountAsync(topic, cancellationToken).ConfigureAwait(false);
        for (var partition = 0; partition < partitions; partition++)
        {
            var range = await log.GetOffsetsAsync(topic, partition, cancellationToken).ConfigureAwait(false);
            await foreach (var entry in log.ReadAsync(topic, partition, range.Start, range.End, cancellationToken).ConfigureAwait(false))
            {
                yield return entry;
            }
        }
    }

    private readonly record struct Captured(long TimeUnixNano, bool IsAttack);
}
