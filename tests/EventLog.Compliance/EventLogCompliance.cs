using System.Collections.Concurrent;
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
        await using var member = await new RecordingMember().JoinAsync(Log, Harness.Group(), topic);
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
        await Assert.ThrowsAsync<UnknownTopicException>(async () => await Log.SubscribeAsync(new GroupSubscription(Harness.Group(), name, _ => throw new InvalidOperationException()), Cancel));
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
        await using var member = await new RecordingMember().JoinAsync(Log, Harness.Group(), topic);
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
        }.JoinAsync(Log, Harness.Group(), topic))
        {
            await Eventually.TrueAsync(() => first.All.Count == 10, "the first member has read all", s_long);
        }

        await using var second = await new RecordingMember().JoinAsync(Log, Harness.Group(), topic);
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
        await using (var first = await new RecordingMember().JoinAsync(Log, Harness.Group(), topic))
        {
            await Eventually.TrueAsync(() => first.All.Count == 10, "the first member has read and committed all", s_long);
        }

        await using var second = await new RecordingMember { OnStart = (_, _) => ValueTask.FromResult<long?>(4) }.JoinAsync(Log, Harness.Group(), topic);
        await Eventually.TrueAsync(() => second.All.Count >= 6, "the second member reads from its own offset", s_long);
        Assert.Equal(["4", "5", "6", "7", "8", "9"], second.Values);
    }

    [Fact]
    public async Task Uncommitted_records_are_delivered_again()
    {
        var topic = await Harness.TopicAsync();
        await Log.AppendAsync(topic, [Record("k", "1"), Record("k", "2")], Cancel);
        await using (var first = await new RecordingMember { Commits = false }.JoinAsync(Log, Harness.Group(), topic))
        {
            await Eventually.TrueAsync(() => first.All.Count == 2, "the first member has read all", s_long);
        }

        await using var second = await new RecordingMember().JoinAsync(Log, Harness.Group(), topic);
        await Eventually.TrueAsync(() => second.All.Count >= 2, "the second member reads them again", s_long);
        Assert.Equal(["1", "2"], second.Values);
    }

    [Fact]
    public async Task Failing_processor_ends_the_subscription_and_skips_nothing()
    {
        var topic = await Harness.TopicAsync();
        await Log.AppendAsync(topic, [Record("k", "1"), Record("k", "2")], Cancel);
        var failing = await new RecordingMember { OnBatch = (_, _) => throw new InvalidDataException("broken") }.JoinAsync(Log, Harness.Group(), topic);
        await Assert.ThrowsAsync<InvalidDataException>(() => failing.Subscription.Completion.WaitAsync(s_long, Cancel));
        await Eventually.TrueAsync(() => failing.Processors.All(p => p.StoppedLost == true), "its processor is told to write nothing", s_long);
        await failing.DisposeAsync();

        await using var next = await new RecordingMember().JoinAsync(Log, Harness.Group(), topic);
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

    [Fact]
    public async Task Offset_is_found_by_append_time()
    {
        Assert.SkipWhen(Harness.WithoutTimeLookup is not null, Harness.WithoutTimeLookup ?? "");
        var topic = await Harness.TopicAsync();
        var clock = await Harness.TopicAsync();
        for (var i = 0; i < 3; i++)
        {
            await Log.AppendAsync(topic, new LogRecord("k"u8.ToArray(), "v"u8.ToArray(), []), Cancel);
            var appended = (await ReadAllAsync(topic))[^1].TimeUnixNano;

            // The log's own clock, which is not ours: a broker is on another machine.
            await Eventually.TrueAsync(
                async () =>
                {
                    var tick = await Log.AppendAsync(clock, Record("k", "tick"), Cancel);
                    return (await ReadAsync(clock, tick.Offset, tick.Offset + 1)).Single().TimeUnixNano > appended + 5_000_000;
                },
                "the log's clock moves on by 5 ms");
        }

        // A carried log time does not change where a record is in append time.
        await Log.AppendAsync(topic, new LogRecord("k"u8.ToArray(), "v"u8.ToArray(), [new(Headers.LogTime, "1"u8.ToArray())]), Cancel);
        var times = (await ReadAllAsync(topic)).Select(e => e.TimeUnixNano).ToArray();
        Assert.True(times[0] < times[1] && times[1] < times[2]);
        foreach (var early in (long[])[0, -1, -1_000_000, -2_000_000, -3_000_000, long.MinValue])
        {
            Assert.Equal(0, await Log.FindOffsetAsync(topic, 0, early, Cancel));
        }

        Assert.Equal(0, await Log.FindOffsetAsync(topic, 0, times[0], Cancel));
        Assert.Equal(1, await Log.FindOffsetAsync(topic, 0, times[0] + 1, Cancel));
        Assert.Equal(1, await Log.FindOffsetAsync(topic, 0, times[1], Cancel));
        Assert.Equal(2, await Log.FindOffsetAsync(topic, 0, times[2], Cancel));
        Assert.Equal(3, await Log.FindOffsetAsync(topic, 0, times[2] + 1, Cancel));
        Assert.Equal(4, await Log.FindOffsetAsync(topic, 0, times[2] + 3_600_000_000_000, Cancel));
    }

    [Fact]
    public async Task Tombstones_pass_in_compacted_topics_only()
    {
        var compacted = await Harness.TopicAsync(compacted: true);
        await Log.AppendAsync(compacted, [Record("a", "1"), new LogRecord("b"u8.ToArray(), null, []), Record("c", "3")], Cancel);
        await using var member = await new RecordingMember().JoinAsync(Log, Harness.Group(), compacted);
        await Eventually.TrueAsync(() => member.All.Count == 3, "all records arrive", s_long);
        Assert.Equal([true, false, true], member.All.Select(e => e.Value is not null));
        Assert.Equal([true, false, true], (await ReadAllAsync(compacted)).Select(e => e.Value is not null));
        await Assert.ThrowsAsync<EventLogException>(async () => await Log.AppendAsync(compacted, Record("", "no key"), Cancel));

        var plain = await Harness.TopicAsync();
        await Assert.ThrowsAsync<EventLogException>(async () => await Log.AppendAsync(plain, new LogRecord("b"u8.ToArray(), null, []), Cancel));
    }

    [Fact]
    public async Task Newest_record_of_a_key_is_kept_in_compacted_topics()
    {
        var topic = await Harness.TopicAsync(compacted: true);
        for (var round = 0; round < 8; round++)
        {
            await Log.AppendAsync(topic, [.. Enumerable.Range(0, 10).Select(k => new LogRecord(new[] { (byte)k }, Enumerable.Repeat((byte)round, 5000).ToArray(), []))], Cancel);
        }

        await Harness.CompactAsync(topic);
        var newest = new Dictionary<byte, LogEntry>();
        var entries = await ReadAllAsync(topic);
        foreach (var entry in entries)
        {
            newest[entry.Key.Span[0]] = entry;
        }

        Assert.Equal(10, newest.Count);
        Assert.All(newest.Values, e => Assert.Equal(7, e.Value!.Value.Span[0]));
        Assert.Equal(entries.Select(e => e.Offset).Order(), entries.Select(e => e.Offset));
        Assert.Equal(80, (await Log.GetOffsetsAsync(topic, 0, Cancel)).End);
    }

    [Fact]
    public async Task Resuming_below_retention_is_an_error_that_names_the_range()
    {
        var topic = await Harness.TopicAsync();
        await Log.AppendAsync(topic, [Record("k", "0"), Record("k", "1")], Cancel);
        await using (var first = await new RecordingMember().JoinAsync(Log, Harness.Group(), topic))
        {
            await Eventually.TrueAsync(() => first.All.Count == 2, "two records are committed", s_long);
        }

        await Log.AppendAsync(topic, [.. Enumerable.Range(2, 6).Select(i => Record("k", $"{i}"))], Cancel);
        await Harness.RetireAsync(topic, 5);

        await using var late = await new RecordingMember().JoinAsync(Log, Harness.Group(), topic);
        var error = await Assert.ThrowsAsync<OffsetOutOfRangeException>(() => late.Subscription.Completion.WaitAsync(s_long, Cancel));
        Assert.Equal((topic, 0, 2L), (error.Topic, error.Partition, error.Offset));
        Assert.True(error.Retained.Start >= 5, $"{error.Retained}");
        Assert.Empty(late.All);
        Assert.Equal(error.Retained.Start, (await Log.GetOffsetsAsync(topic, 0, Cancel)).Start);
        Assert.All(await ReadAllAsync(topic), e => Assert.True(e.Offset >= error.Retained.Start));

        await Log.AppendAsync(topic, Record("k", "last"), Cancel);
        await using var aware = await new RecordingMember { OnStart = (_, _) => ValueTask.FromResult<long?>(error.Retained.Start) }.JoinAsync(Log, Harness.Group(), topic);
        await Eventually.TrueAsync(() => aware.Values.Contains("last"), "a member that accounts for the gap goes on", s_long);
        Assert.Equal(error.Retained.Start, aware.All.First().Offset);
    }

    [Fact]
    public async Task Resuming_beyond_the_end_is_an_error()
    {
        var topic = await Harness.TopicAsync();
        await Log.AppendAsync(topic, Record("k", "0"), Cancel);
        await using var member = await new RecordingMember { OnStart = (_, _) => ValueTask.FromResult<long?>(1000) }.JoinAsync(Log, Harness.Group(), topic);
        var error = await Assert.ThrowsAsync<OffsetOutOfRangeException>(() => member.Subscription.Completion.WaitAsync(s_long, Cancel));
        Assert.Equal(1, error.Retained.End);
        Assert.Contains("beyond", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Partitions_are_shared_by_two_and_three_members_and_nothing_is_lost()
    {
        var topic = await Harness.TopicAsync(partitions: 6);
        var expected = new List<string>();
        async Task AppendAsync(int count)
        {
            var values = Enumerable.Range(expected.Count, count).Select(i => $"{i}").ToArray();
            expected.AddRange(values);
            await Log.AppendAsync(topic, [.. values.Select(v => Record($"key-{v}", v))], Cancel);
        }

        await AppendAsync(300);
        await using var a = await new RecordingMember().JoinAsync(await Harness.ConnectAsync(), Harness.Group(), topic);
        await Eventually.TrueAsync(() => a.Running.Length == 6, "the first member owns all", s_long);
        await AppendAsync(300);
        await using var b = await new RecordingMember().JoinAsync(await Harness.ConnectAsync(), Harness.Group(), topic);
        await Eventually.TrueAsync(() => a.Running.Length == 3 && b.Running.Length == 3, "two members own three each", s_long);
        await AppendAsync(300);
        await using var c = await new RecordingMember().JoinAsync(await Harness.ConnectAsync(), Harness.Group(), topic);
        await Eventually.TrueAsync(() => a.Running.Length == 2 && b.Running.Length == 2 && c.Running.Length == 2, "three members own two each", s_long);
        Assert.Equal([0, 1, 2, 3, 4, 5], a.Running.Concat(b.Running).Concat(c.Running).Order());
        await AppendAsync(300);
        await b.DisposeAsync();
        await Eventually.TrueAsync(() => a.Running.Length == 3 && c.Running.Length == 3, "two members are left with three each", s_long);
        await AppendAsync(300);

        RecordingMember[] members = [a, b, c];
        string Missing() => string.Join(", ", expected.Except(members.SelectMany(m => m.Values)).Select(v => $"{v} in {KeyPartitioner.Partition(Encoding.UTF8.GetBytes($"key-{v}"), 6)}"));
        try
        {
            await Eventually.TrueAsync(() => expected.ToHashSet().SetEquals(members.SelectMany(m => m.Values)), "every record was processed", TimeSpan.FromSeconds(20));
        }
        catch (TimeoutException)
        {
            Assert.Fail($"missing: {Missing()}; a {string.Join(",", a.Running)} b {string.Join(",", b.Running)} c {string.Join(",", c.Running)} " + string.Join(";", members.SelectMany((m, i) => m.Processors.Select(p => $"{i}:{p.Assignment.Partition}@{p.Assignment.OwnerEpoch} n={p.Entries.Count} lost={p.StoppedLost} {(p.Entries.IsEmpty ? -1 : p.Entries.First().Offset)}..{(p.Entries.IsEmpty ? -1 : p.Entries.Last().Offset)}"))));
        }

        var runs = members.SelectMany(m => m.Processors).Where(p => p.Started).ToArray();
        Assert.All(runs, r => Assert.Equal(r.Entries.Select(e => e.Offset).Distinct().Order(), r.Entries.Select(e => e.Offset)));
        Assert.All(runs, r => Assert.NotEqual(true, r.StoppedLost));
        foreach (var partition in runs.GroupBy(r => r.Assignment.Partition))
        {
            var epochs = partition.Select(r => r.Assignment.OwnerEpoch).ToArray();
            Assert.Equal(epochs.Length, epochs.Distinct().Count());
        }

        Assert.True(c.Processors.Min(p => p.Assignment.OwnerEpoch) > a.Processors.Min(p => p.Assignment.OwnerEpoch));
    }

    [Fact]
    public async Task Stalled_owner_loses_its_partition_and_may_write_nothing_when_it_wakes_up()
    {
        var topic = await Harness.TopicAsync(partitions: 2);
        for (var i = 0; i < 20; i++)
        {
            await Log.AppendAsync(topic, Record("k", $"{i}", partition: i % 2), Cancel);
        }

        var stall = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var holding = new ConcurrentDictionary<int, bool>();
        await using var stalled = await new RecordingMember
        {
            OnBatch = async (processor, _) =>
            {
                holding[processor.Assignment.Partition] = true;
                await stall.Task;
            },
        }.JoinAsync(await Harness.ConnectAsync(), Harness.Group(), topic);

        // Owning is not enough: a processor that has no batch yet hands its partition over as it should, and is not stalled.
        await Eventually.TrueAsync(() => holding.Count == 2, "the first member owns both and is stuck in both", s_long);
        Assert.All(stalled.Processors, p => Assert.True(p.Assignment.MayWrite));

        await using var next = await new RecordingMember().JoinAsync(await Harness.ConnectAsync(), Harness.Group(), topic);
        await Eventually.TrueAsync(() => next.All.Count >= 10, "the second member gets one partition, from its first uncommitted record", s_long);
        var taken = next.Processors.First(p => !p.Entries.IsEmpty).Assignment.Partition;
        Assert.Equal(Enumerable.Range(0, 10).Select(i => (long)i), next.All.Where(e => e.Partition == taken).Select(e => e.Offset).Distinct());
        var loser = stalled.Processors.First(p => p.Assignment.Partition == taken);
        Assert.False(loser.Assignment.MayWrite);
        Assert.True(next.Processors.First(p => p.Assignment.Partition == taken).Assignment.OwnerEpoch > loser.Assignment.OwnerEpoch);

        var error = await Assert.ThrowsAsync<EventLogException>(async () => await loser.Assignment.CommitAsync(3, Cancel));
        Assert.Contains("no longer owns", error.Message, StringComparison.Ordinal);
        stall.SetResult();
        await Eventually.TrueAsync(() => loser.StoppedLost == true, "the stalled processor is told that the partition is lost", s_long);
    }

    [Fact]
    public async Task Slow_group_falls_behind_visibly_and_loses_nothing()
    {
        var topic = await Harness.TopicAsync(maxAge: TimeSpan.FromHours(1));
        var group = Harness.Group("slow");
        var open = new SemaphoreSlim(0);
        var stuck = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var member = await new RecordingMember
        {
            OnBatch = async (_, _) =>
            {
                stuck.TrySetResult();
                await open.WaitAsync(Cancel);
            },
        }.JoinAsync(Log, group, topic, maxBatch: 10);
        async Task AppendAsync(int from)
        {
            await Log.AppendAsync(topic, [.. Enumerable.Range(from, 50).Select(n => new LogRecord("k"u8.ToArray(), BitConverter.GetBytes(n).Concat(new byte[500]).ToArray(), []))], Cancel);
        }

        // What comes after the group has stopped reading must show as well: nothing that it reads tells it of these records.
        await AppendAsync(0);
        await stuck.Task.WaitAsync(s_long, Cancel);
        for (var i = 50; i < 2000; i += 50)
        {
            await AppendAsync(i);
        }

        await Eventually.TrueAsync(() => GaugeReader.Read("monitoring_eventlog_lag_records", group) >= 1000, "the lag shows", s_long);
        await Eventually.TrueAsync(() => GaugeReader.Read("monitoring_eventlog_lag_seconds", group) > 0, "the lag in seconds shows", s_long);
        Assert.InRange(GaugeReader.Read("monitoring_eventlog_time_to_retention_seconds", group) ?? -1, 1, 3600);
        open.Release(1_000_000);
        await Eventually.TrueAsync(() => member.All.Count == 2000, "the group catches up", s_long);
        Assert.Equal(Enumerable.Range(0, 2000), member.All.Select(e => BitConverter.ToInt32(e.Value!.Value.Span)));
        await Eventually.TrueAsync(() => GaugeReader.Read("monitoring_eventlog_lag_records", group) == 0, "the lag is gone", s_long);
    }

    [Fact]
    public async Task Slow_restore_delays_only_its_own_partition()
    {
        var topic = await Harness.TopicAsync(partitions: 2);
        await Log.AppendAsync(topic, [Record("a", "0", partition: 0), Record("a", "1", partition: 1)], Cancel);
        var restored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var member = await new RecordingMember
        {
            OnStart = async (assignment, _) =>
            {
                if (assignment.Partition == 1)
                {
                    await restored.Task;
                }

                return null;
            },
        }.JoinAsync(Log, Harness.Group(), topic);
        await Eventually.TrueAsync(() => member.Values.Contains("0"), "the other partition is processed meanwhile", s_long);
        Assert.DoesNotContain("1", member.Values);
        restored.SetResult();
        await Eventually.TrueAsync(() => member.Values.Contains("1"), "the restored partition is processed", s_long);
    }

    [Fact]
    public async Task Dead_letters_keep_the_record_and_say_why_and_whence()
    {
        var topic = await Harness.TopicAsync();
        var group = Harness.Group("decoders");
        using var letters = new DeadLetters(Log, topic, group);
        Assert.Equal($"{topic}.dlq.{group}", letters.Topic);
        await Harness.PrepareTopicAsync(letters.Topic, 1);
        await Log.AppendAsync(topic, [Record("k", "good"), new LogRecord("key"u8.ToArray(), new byte[] { 255, 0, 1 }, [new("ce_id", "7"u8.ToArray())])], Cancel);
        await using var member = await new RecordingMember
        {
            OnBatch = async (_, batch) =>
            {
                foreach (var entry in batch.Where(e => e.Value!.Value.Span[0] == 255))
                {
                    await letters.WriteAsync(entry, "not protobuf: größer", Cancel);
                }
            },
        }.JoinAsync(Log, group, topic);
        await Eventually.TrueAsync(() => member.All.Count == 2, "both records are processed", s_long);
        var letter = Assert.Single(await ReadAllAsync(letters.Topic));
        Assert.Equal("key", Text(letter.Key));
        Assert.Equal([255, 0, 1], letter.Value!.Value.ToArray());
        Assert.Equal([("ce_id", "7"), (Headers.DeadLetterReason, "not protobuf: größer"), (Headers.DeadLetterOrigin, $"{topic}/0/1")], letter.Headers.Select(h => (h.Name, Text(h.Value))));
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
