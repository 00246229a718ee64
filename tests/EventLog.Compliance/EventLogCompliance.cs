using System.Text;
using Monitoring.Contracts;
using Monitoring.TestKit;
using static Monitoring.EventLog.Compliance.LogHarness;

namespace Monitoring.EventLog.Compliance;

/// <summary>What every implementation of <see cref="IEventLog"/> must do.</summary>
public abstract class EventLogCompliance : IAsyncLifetime
{
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(90);
    private LogHarness? _harness;

    protected LogHarness Harness => _harness!;

    private IEventLog Log => Harness.Log;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _harness = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        if (_harness is not null)
        {
            await _harness.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    protected abstract ValueTask<LogHarness> CreateAsync();

    [Fact]
    public async Task Appended_records_are_read_back_with_their_offsets()
    {
        var topic = await Harness.TopicAsync();
        var first = await Log.AppendAsync(topic, Record("a", "1"), Cancel);
        var more = await Log.AppendAsync(topic, [Record("a", "2"), Record("a", "3")], Cancel);

        Assert.Equal(new LogPosition(0, 0), first);
        Assert.Equal([new LogPosition(0, 1), new LogPosition(0, 2)], more);
        Assert.Equal(new OffsetRange(0, 3), await Log.GetOffsetsAsync(topic, 0, Cancel));
        var entries = await ReadAllAsync(topic);
        Assert.Equal(["1", "2", "3"], entries.Select(e => Text(e.Value)));
        Assert.Equal([0L, 1, 2], entries.Select(e => e.Offset));
        Assert.All(entries, e => Assert.Equal((topic, 0, "a"), (e.Topic, e.Partition, Text(e.Key))));
    }

    [Fact]
    public async Task Headers_are_kept_byte_for_byte_and_in_order()
    {
        var topic = await Harness.TopicAsync();
        LogHeader[] headers =
        [
            new("ce_id", Encoding.UTF8.GetBytes("ä-1")), new("same", new byte[] { 1 }), new("same", new byte[] { 2, 0, 255 }),
            new("empty", Array.Empty<byte>()), new("naïve-name", Enumerable.Range(0, 256).Select(i => (byte)i).ToArray()),
        ];
        var value = Enumerable.Range(0, 1000).Select(i => (byte)(i * 7)).ToArray();
        await Log.AppendAsync(topic, new LogRecord(new byte[] { 0, 1, 255 }, value, headers), Cancel);
        await Log.AppendAsync(topic, new LogRecord("k"u8.ToArray(), Array.Empty<byte>(), []), Cancel);

        var entries = await ReadAllAsync(topic);
        Assert.Equal([0, 1, 255], entries[0].Key.ToArray());
        Assert.Equal(value, entries[0].Value!.Value.ToArray());
        Assert.Equal(headers.Select(h => (h.Name, Convert.ToHexString(h.Value.Span))), entries[0].Headers.Select(h => (h.Name, Convert.ToHexString(h.Value.Span))));
        Assert.NotNull(entries[1].Value);
        Assert.Empty(entries[1].Value!.Value.ToArray());
        Assert.Empty(entries[1].Headers);
    }

    [Fact]
    public async Task Carried_log_time_wins_over_the_append_time()
    {
        var topic = await Harness.TopicAsync();
        await Log.AppendAsync(topic, new LogRecord("k"u8.ToArray(), "v"u8.ToArray(), [new(Headers.LogTime, "1234567890123456789"u8.ToArray())]), Cancel);
        await Log.AppendAsync(topic, new LogRecord("k"u8.ToArray(), "v"u8.ToArray(), [new(Headers.LogTime, "not a time"u8.ToArray())]), Cancel);

        var entries = await ReadAllAsync(topic);
        Assert.Equal(1234567890123456789, entries[0].TimeUnixNano);
        Assert.InRange(entries[1].TimeUnixNano, 1_600_000_000_000_000_000, 4_000_000_000_000_000_000);
        Assert.NotEqual(1234567890123456789, entries[1].TimeUnixNano);
    }

    [Fact]
    public async Task Large_record_of_900_kB_passes()
    {
        var topic = await Harness.TopicAsync();
        var value = new byte[900_000];
        new Random(1).NextBytes(value);
        await Log.AppendAsync(topic, new LogRecord("k"u8.ToArray(), value, []), Cancel);
        await using var member = await new RecordingMember().JoinAsync(Log, "g", topic);
        await Eventually.TrueAsync(() => !member.All.IsEmpty, "the record arrives", s_long);
        Assert.Equal(value, member.All.First().Value!.Value.ToArray());
        Assert.Equal(value, (await ReadAllAsync(topic)).Single().Value!.Value.ToArray());
    }

    [Fact]
    public async Task Too_large_record_is_refused_for_good()
    {
        var topic = await Harness.TopicAsync();
        var error = await Assert.ThrowsAsync<EventLogException>(async () => await Log.AppendAsync(topic, new LogRecord("k"u8.ToArray(), new byte[3_000_000], []), Cancel));
        Assert.False(error.IsTransient);
        Assert.Equal(new OffsetRange(0, 0), await Log.GetOffsetsAsync(topic, 0, Cancel));
    }

    [Fact]
    public async Task Unknown_topic_is_named()
    {
        var name = $"compliance.{Harness.Run}.missing";
        Assert.Contains(name, (await Assert.ThrowsAsync<UnknownTopicException>(async () => await Log.GetPartitionCountAsync(name, Cancel))).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<UnknownTopicException>(async () => await Log.AppendAsync(name, Record("a", "1"), Cancel));
        await Assert.ThrowsAsync<UnknownTopicException>(async () => await Log.SubscribeAsync(new GroupSubscription("g", name, _ => throw new InvalidOperationException()), Cancel));
    }

    [Fact]
    public async Task Partition_count_is_told_and_fixed()
    {
        var topic = await Harness.TopicAsync(partitions: 3);
        Assert.Equal(3, await Log.GetPartitionCountAsync(topic, Cancel));
        await Log.EnsureTopicAsync(new TopicDefinition(topic, 3), Cancel);
        var error = await Assert.ThrowsAsync<TopicMismatchException>(async () => await Log.EnsureTopicAsync(new TopicDefinition(topic, 4), Cancel));
        Assert.Contains(topic, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_choose_partitions_as_the_Java_client_does()
    {
        var topic = await Harness.TopicAsync(partitions: 5);
        var records = Enumerable.Range(0, 200).Select(i => Record($"model-{i}", $"{i}")).ToArray();
        var positions = await Log.AppendAsync(topic, records, Cancel);
        Assert.Equal(records.Select(r => KeyPartitioner.Partition(r.Key.Span, 5)), positions.Select(p => p.Partition));
        Assert.Equal(new LogPosition(4, positions.Count(p => p.Partition == 4)), await Log.AppendAsync(topic, Record("model-0", "explicit", partition: 4), Cancel));
    }

    [Fact]
    public async Task Group_gets_all_partitions_in_order_per_key()
    {
        var topic = await Harness.TopicAsync(partitions: 3);
        await Log.AppendAsync(topic, [.. Enumerable.Range(0, 500).Select(i => Record($"k{i % 20}", $"{i}"))], Cancel);
        await using var member = await new RecordingMember().JoinAsync(Log, "g", topic);
        var appending = Enumerable.Range(500, 500).Select(i => Record($"k{i % 20}", $"{i}")).Chunk(10);
        foreach (var chunk in appending)
        {
            await Log.AppendAsync(topic, chunk, Cancel);
        }

        await Eventually.TrueAsync(() => member.All.Count >= 1000, "all records arrive", s_long);
        Assert.Equal([0, 1, 2], member.Running);
        Assert.Equal(1000, member.All.Count);
        foreach (var key in member.All.GroupBy(e => Text(e.Key)))
        {
            var values = key.Select(e => int.Parse(Text(e.Value), System.Globalization.CultureInfo.InvariantCulture)).ToArray();
            Assert.Equal(values.Order(), values);
            Assert.Equal(50, values.Length);
        }
    }

    [Fact]
    public async Task Committed_offset_is_where_the_next_member_starts()
    {
        var topic = await Harness.TopicAsync();
        await Log.AppendAsync(topic, [.. Enumerable.Range(0, 10).Select(i => Record("k", $"{i}"))], Cancel);
        await using (var first = await new RecordingMember
        {
            Commits = false,
            OnBatch = (p, batch) => batch[^1].Offset >= 6 ? p.Assignment.CommitAsync(7, Cancel) : ValueTask.CompletedTask,
        }.JoinAsync(Log, "g", topic))
        {
            await Eventually.TrueAsync(() => first.All.Count == 10, "the first member has read all", s_long);
        }

        await using var second = await new RecordingMember().JoinAsync(Log, "g", topic);
        await Eventually.TrueAsync(() => second.All.Count >= 3, "the second member has read the rest", s_long);
        Assert.Equal(["7", "8", "9"], second.Values);
        await using var other = await new RecordingMember().JoinAsync(Log, "other", topic);
        await Eventually.TrueAsync(() => other.All.Count >= 10, "another group starts at the start", s_long);
    }

    [Fact]
    public async Task Offset_given_by_the_processor_wins_over_the_committed_one()
    {
        var topic = await Harness.TopicAsync();
        await Log.AppendAsync(topic, [.. Enumerable.Range(0, 10).Select(i => Record("k", $"{i}"))], Cancel);
        await using (var first = await new RecordingMember().JoinAsync(Log, "g", topic))
        {
            await Eventually.TrueAsync(() => first.All.Count == 10, "the first member has read and committed all", s_long);
        }

        await using var second = await new RecordingMember { OnStart = (_, _) => ValueTask.FromResult<long?>(4) }.JoinAsync(Log, "g", topic);
        await Eventually.TrueAsync(() => second.All.Count >= 6, "the second member reads from its own offset", s_long);
        Assert.Equal(["4", "5", "6", "7", "8", "9"], second.Values);
    }

    [Fact]
    public async Task Uncommitted_records_are_delivered_again()
    {
        var topic = await Harness.TopicAsync();
        await Log.AppendAsync(topic, [Record("k", "1"), Record("k", "2")], Cancel);
        await using (var first = await new RecordingMember { Commits = false }.JoinAsync(Log, "g", topic))
        {
            await Eventually.TrueAsync(() => first.All.Count == 2, "the first member has read all", s_long);
        }

        await using var second = await new RecordingMember().JoinAsync(Log, "g", topic);
        await Eventually.TrueAsync(() => second.All.Count >= 2, "the second member reads them again", s_long);
        Assert.Equal(["1", "2"], second.Values);
    }

    [Fact]
    public async Task Failing_processor_ends_the_subscription_and_skips_nothing()
    {
        var topic = await Harness.TopicAsync();
        await Log.AppendAsync(topic, [Record("k", "1"), Record("k", "2")], Cancel);
        var failing = await new RecordingMember { OnBatch = (_, _) => throw new InvalidDataException("broken") }.JoinAsync(Log, "g", topic);
        await Assert.ThrowsAsync<InvalidDataException>(() => failing.Subscription.Completion.WaitAsync(s_long, Cancel));
        await Eventually.TrueAsync(() => failing.Processors.All(p => p.StoppedLost == true), "its processor is told to write nothing", s_long);
        await failing.DisposeAsync();

        await using var next = await new RecordingMember().JoinAsync(Log, "g", topic);
        await Eventually.TrueAsync(() => next.All.Count >= 2, "the next member gets the records", s_long);
        Assert.Equal(["1", "2"], next.Values);
    }

    [Fact]
    public async Task Records_appended_while_a_range_is_read_do_not_disturb_it()
    {
        var topic = await Harness.TopicAsync();
        await Log.AppendAsync(topic, [.. Enumerable.Range(0, 3000).Select(i => Record("k", $"{i}"))], Cancel);
        var writing = Task.Run(async () =>
        {
            for (var i = 3000; i < 3200; i++)
            {
                await Log.AppendAsync(topic, Record("k", $"{i}"), Cancel);
            }
        }, Cancel);
        var offsets = new List<long>();
        await foreach (var entry in Log.ReadAsync(topic, 0, 500, 2500, Cancel))
        {
            Assert.Equal($"{entry.Offset}", Text(entry.Value));
            offsets.Add(entry.Offset);
        }

        await writing;
        Assert.Equal(Enumerable.Range(500, 2000).Select(i => (long)i), offsets);
        Assert.Equal(3200, (await ReadAllAsync(topic)).Count);
    }

    [Fact]
    public async Task Range_behind_the_end_is_empty_and_does_not_wait()
    {
        var topic = await Harness.TopicAsync();
        Assert.Empty(await ReadAllAsync(topic));
        await Log.AppendAsync(topic, Record("k", "1"), Cancel);
        Assert.Empty(await ReadAsync(topic, 1, 100));
        Assert.Single(await ReadAsync(topic, 0, 100));
    }

    protected Task<List<LogEntry>> ReadAllAsync(string topic, int partition = 0) => ReadAsync(topic, 0, long.MaxValue, partition);

    private async Task<List<LogEntry>> ReadAsync(string topic, long from, long to, int partition = 0)
    {
        var entries = new List<LogEntry>();
        await foreach (var entry in Log.ReadAsync(topic, partition, from, to, Cancel))
        {
            entries.Add(entry);
        }

        return entries;
    }
}
