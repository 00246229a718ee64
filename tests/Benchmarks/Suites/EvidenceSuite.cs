using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.EventLog.Embedded;
using Monitoring.Replay.Evidence;
using Monitoring.TestKit;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// <c>evidence [--records N] [--rounds R]</c>: appends per second without a reader, with a group that reads and does nothing, and
/// with the group that seals, and the processor time of each per record, which a neighbour's load does not change. Rounds alternate; the median of each is reported. Also the sealing work alone (canonical bytes, leaf, its share of the tree), processor time per record.
/// </summary>
internal static class EvidenceSuite
{
    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var records = int.Parse(arguments["records", "200000"], CultureInfo.InvariantCulture);
        var rounds = int.Parse(arguments["rounds", "3"], CultureInfo.InvariantCulture);
        var modes = new[] { "alone", "reading", "sealing" };
        var cpu = modes.ToDictionary(m => m, _ => new List<double>());
        var rates = modes.ToDictionary(m => m, _ => new List<double>());
        for (var round = 0; round < rounds; round++)
        {
            foreach (var mode in modes)
            {
                var before = Environment.CpuUsage.TotalTime;
                rates[mode].Add(await AppendAsync(mode, records));
                cpu[mode].Add((Environment.CpuUsage.TotalTime - before).TotalMicroseconds / records);
            }
        }

        var medians = rates.ToDictionary(r => r.Key, r => r.Value.Order().ElementAt(r.Value.Count / 2));
        return new
        {
            records,
            rounds,
            appendsPerSecond = medians,
            cpuMicrosecondsPerRecord = cpu.ToDictionary(c => c.Key, c => c.Value.Order().ElementAt(c.Value.Count / 2)),
            costAgainstReading = 1 - (medians["sealing"] / medians["reading"]),
            costAgainstAlone = 1 - (medians["sealing"] / medians["alone"]),
            hashNanosecondsPerRecord = HashNanoseconds(Sha256Lanes.IsSupported),
            hashNanosecondsOneByOne = HashNanoseconds(sideBySide: false),
        };
    }

    private static async Task<double> AppendAsync(string mode, int count)
    {
        using var directory = new TemporaryDirectory();
        using var key = SigningKey.Create();
        await using var log = EmbeddedEventLog.Open(new EmbeddedEventLogOptions { Directory = directory.Path }, TimeProvider.System, NullLoggerFactory.Instance);
        await log.EnsureTopicAsync(new TopicDefinition(Topics.InferenceEvents, 4));
        await log.EnsureTopicAsync(new TopicDefinition(Topics.Evidence, 1));
        var options = new EvidenceOptions { KeyFile = "" };
        await using var subscription = mode == "alone" ? null : await log.SubscribeAsync(new GroupSubscription("evidence", Topics.InferenceEvents, assignment =>
            mode == "sealing" ? new CheckpointProcessor(log, key, options, assignment) : new Reader()));
        var value = new byte[460];
        new Random(1).NextBytes(value);
        var header = new LogHeader(Headers.Id, new byte[16]);
        var batch = Enumerable.Range(0, 512).Select(i => new LogRecord(BitConverter.GetBytes(i), value, [header], i % 4)).ToArray();
        var start = Stopwatch.GetTimestamp();
        var pending = new Queue<Task>();
        for (var sent = 0; sent < count; sent += batch.Length)
        {
            pending.Enqueue(log.AppendAsync(Topics.InferenceEvents, batch).AsTask());
            if (pending.Count == 16)
            {
                await pending.Dequeue();
            }
        }

        await Task.WhenAll(pending);
        return count / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double HashNanoseconds(bool sideBySide)
    {
        var entry = new LogEntry(Topics.InferenceEvents, 0, 1, 1, new byte[4], new byte[460], [new LogHeader(Headers.Id, new byte[16])]);
        var buffer = new byte[4096];
        using var tree = new SegmentTree(4096) { SideBySide = sideBySide };
        const int count = 400_000;
        var start = Environment.CpuUsage.TotalTime;
        for (var i = 0; i < count; i++)
        {
            var length = CanonicalRecord.WriteLeaf(entry, ref buffer);
            tree.Add(buffer.AsSpan(0, length));
            if (tree.Count == 4096)
            {
                tree.Root();
                tree.Clear();
            }
        }

        return (Environment.CpuUsage.TotalTime - start).TotalNanoseconds / count;
    }

    private sealed class Reader : IPartitionProcessor
    {
        public ValueTask<long?> StartAsync(CancellationToken cancellationToken) => ValueTask.FromResult<long?>(0);

        public ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public ValueTask StopAsync(bool lost, CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
