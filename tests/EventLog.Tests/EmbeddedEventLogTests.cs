using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Monitoring.EventLog.Embedded;
using Monitoring.TestKit;

namespace Monitoring.EventLog.Tests;

/// <summary>What only the embedded log promises: its files, its clock, its single process.</summary>
public sealed class EmbeddedEventLogTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(55));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Records_offsets_and_groups_survive_a_restart()
    {
        await using (var log = Open())
        {
            await log.EnsureTopicAsync(new TopicDefinition("t", 2, TimeSpan.FromDays(1)), Cancel);
            await log.AppendAsync("t", [Record("1"), Record("2"), Record("3", partition: 1)], Cancel);
            await using var member = await log.SubscribeAsync(new GroupSubscription("g", "t", a => new Collector(a)), Cancel);
            await Eventually.TrueAsync(() => log.Position("g", "t", 0).Next == 2 && log.Position("g", "t", 1).Next == 1, "both partitions are committed");
        }

        await using var again = Open();
        Assert.Equal(2, await again.GetPartitionCountAsync("t", Cancel));
        Assert.Equal(["1", "2"], await ValuesAsync(again));
        Assert.Equal(new GroupPosition(2, 1), again.Position("g", "t", 0));
        Assert.Equal(new LogPosition(0, 2), await again.AppendAsync("t", Record("4"), Cancel));
        await Assert.ThrowsAsync<TopicMismatchException>(async () => await again.EnsureTopicAsync(new TopicDefinition("t", 2, Compacted: true), Cancel));
    }

    [Fact]
    public async Task Second_writer_is_told_to_use_Kafka()
    {
        await using var log = Open();
        var error = Assert.Throws<LogLockedException>(() => Open());
        Assert.Contains("Kafka", error.Message, StringComparison.Ordinal);
        Assert.Contains(Environment.ProcessId.ToString(CultureInfo.InvariantCulture), error.Message, StringComparison.Ordinal);
        Assert.False(error.IsTransient);
    }

    [Fact]
    public async Task Log_can_be_read_beside_its_writer()
    {
        await using var log = Open();
        await log.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel);
        await log.AppendAsync("t", Record("1"), Cancel);
        await using var reader = Open(o => o with { ReadOnly = true });
        Assert.Equal(["1"], await ValuesAsync(reader));
        await log.AppendAsync("t", Record("2"), Cancel);
        Assert.Equal(["1", "2"], await ValuesAsync(reader));
        Assert.Equal(new OffsetRange(0, 2), await reader.GetOffsetsAsync("t", 0, Cancel));
        await Assert.ThrowsAsync<EventLogException>(async () => await reader.AppendAsync("t", Record("3"), Cancel));
        await Assert.ThrowsAsync<EventLogException>(async () => await reader.SubscribeAsync(new GroupSubscription("g", "t", a => new Collector(a)), Cancel));
        await log.AppendAsync("t", Record("3"), Cancel);
        Assert.Equal(["1", "2", "3"], await ValuesAsync(reader));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Acknowledged_records_survive_kill_9(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 2; round++)
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
            if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            {
                start.ArgumentList.Add(typeof(EmbeddedEventLogTests).Assembly.Location);
            }

            start.Environment[ChildProcess.Variable] = _directory.Path;
            using var child = Process.Start(start)!;
            var acknowledged = -1L;
            for (var lines = 1 + random.Next(1500); lines > 0 && await child.StandardOutput.ReadLineAsync(Cancel) is { } line; lines--)
            {
                acknowledged = long.Parse(line, CultureInfo.InvariantCulture);
            }

            child.Kill();
            await child.WaitForExitAsync(Cancel);
            Assert.True(acknowledged >= 0);

            await using var log = Open(time: TimeProvider.System);
            var entries = await EntriesAsync(log);
            Assert.Equal(Enumerable.Range(0, entries.Count).Select(i => (long)i), entries.Select(e => e.Offset));
            Assert.True(entries.Count > acknowledged, $"{entries.Count} records, {acknowledged} acknowledged");
            Assert.All(entries, e => Assert.True(e.Value!.Value.Span.SequenceEqual(ChildProcess.Value(e.Offset))));
        }
    }

    [Fact]
    public async Task Append_time_is_monotone_when_the_clock_jumps_back()
    {
        var start = _clock.GetUtcNow();
        await using (var log = Open())
        {
            await log.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel);
            await log.AppendAsync("t", Record("1"), Cancel);
            _clock.Advance(TimeSpan.FromSeconds(10));
            await log.AppendAsync("t", Record("2"), Cancel);
            _clock.AdjustTime(start);
            await log.AppendAsync("t", Record("3"), Cancel);
        }

        await using var again = Open();
        await again.AppendAsync("t", Record("4"), Cancel);
        _clock.AdjustTime(start.AddMinutes(1));
        await again.AppendAsync("t", Record("5"), Cancel);
        var first = (start - DateTimeOffset.UnixEpoch).Ticks * 100;
        const long Second = 1_000_000_000;
        Assert.Equal([first, first + (10 * Second), first + (10 * Second), first + (10 * Second), first + (60 * Second)], (await EntriesAsync(again)).Select(e => e.TimeUnixNano));
        Assert.Equal(1, await again.FindOffsetAsync("t", 0, first + 1, Cancel));
        Assert.Equal(4, await again.FindOffsetAsync("t", 0, first + (11 * Second), Cancel));
    }

    [Fact]
    public async Task Retention_by_age_removes_whole_segments()
    {
        await using var log = Open(o => o with { SegmentAge = TimeSpan.FromHours(1) });
        await log.EnsureTopicAsync(new TopicDefinition("t", 1, MaxAge: TimeSpan.FromHours(3)), Cancel);
        for (var hour = 0; hour < 6; hour++)
        {
            await log.AppendAsync("t", [Record($"{hour}a"), Record($"{hour}b")], Cancel);
            _clock.Advance(TimeSpan.FromHours(1));
        }

        await log.MaintainAsync();
        Assert.Equal(new OffsetRange(6, 12), await log.GetOffsetsAsync("t", 0, Cancel));
        Assert.Equal(["3a", "3b", "4a", "4b", "5a", "5b"], await ValuesAsync(log));
        Assert.Equal(6, await log.FindOffsetAsync("t", 0, 0, Cancel));
        _clock.Advance(TimeSpan.FromHours(10));
        await log.MaintainAsync();
        await log.MaintainAsync();
        Assert.Equal(new OffsetRange(12, 12), await log.GetOffsetsAsync("t", 0, Cancel));
        Assert.Single(Directory.GetFiles(_directory.File("t"), "*.db"));
        await log.DisposeAsync();
        await using var again = Open();
        Assert.Equal(new LogPosition(0, 12), await again.AppendAsync("t", Record("next"), Cancel));
    }

    [Fact]
    public async Task Retention_by_size_bounds_the_folder()
    {
        await using var log = Open(o => o with { SegmentBytes = 64 * 1024 });
        await log.EnsureTopicAsync(new TopicDefinition("t", 1, MaxBytes: 300_000), Cancel);
        for (var i = 0; i < 200; i++)
        {
            await log.AppendAsync("t", new LogRecord("k"u8.ToArray(), new byte[10_000], []), Cancel);
            await log.MaintainAsync();
        }

        var bytes = new DirectoryInfo(_directory.File("t")).GetFiles("*.db").Sum(f => f.Length);
        Assert.InRange(bytes, 30_000, 450_000);
        var range = await log.GetOffsetsAsync("t", 0, Cancel);
        Assert.Equal(200, range.End);
        Assert.InRange(range.Start, 170, 197);
        Assert.Equal(Enumerable.Range((int)range.Start, 200 - (int)range.Start).Select(i => (long)i), (await EntriesAsync(log)).Select(e => e.Offset));
    }

    [Fact]
    public async Task Retention_that_reaches_a_slow_group_is_an_error_and_never_a_jump()
    {
        await using var log = Open(o => o with { SegmentBytes = 64 * 1024, TailBytes = 64 * 1024 });
        await log.EnsureTopicAsync(new TopicDefinition("t", 1, MaxBytes: 200_000), Cancel);
        var open = new SemaphoreSlim(0);
        var slow = new Collectors(open);
        await using var member = await log.SubscribeAsync(new GroupSubscription("g", "t", slow.Create, MaxBatch: 1), Cancel);
        for (var i = 0; i < 100; i++)
        {
            await log.AppendAsync("t", new LogRecord("k"u8.ToArray(), new byte[10_000], []), Cancel);
            await log.MaintainAsync();
        }

        open.Release(1000);
        var error = await Assert.ThrowsAsync<OffsetOutOfRangeException>(() => member.Completion.WaitAsync(TimeSpan.FromSeconds(30), Cancel));
        Assert.True(error.Offset < error.Retained.Start);
        Assert.Equal(error.Offset, slow.All.Count);
    }

    [Fact]
    public async Task Compaction_keeps_the_newest_of_each_key_and_old_tombstones_go()
    {
        await using (var log = Open(o => o with { SegmentBytes = 64 * 1024, TailBytes = 64 * 1024, TombstoneAge = TimeSpan.FromHours(1) }))
        {
            await log.EnsureTopicAsync(new TopicDefinition("t", 2, Compacted: true), Cancel);
            await log.AppendAsync("t", [Keyed("gone", "x"), new LogRecord("gone"u8.ToArray(), null, [], 0), Keyed("kept", "first")], Cancel);
            for (var i = 0; i < 400; i++)
            {
                await log.AppendAsync("t", Keyed($"k{i % 10}", $"{i}".PadRight(2000)), Cancel);
            }

            await log.MaintainAsync();
            var entries = await EntriesAsync(log);
            Assert.InRange(entries.Count, 12, 80);
            Assert.Equal(1, entries.Count(e => Text(e.Key) == "gone" && e.Value is null));
            Assert.Contains(entries, e => Text(e.Key) == "kept");
            AssertNewest(entries);
            _clock.Advance(TimeSpan.FromHours(2));
            for (var i = 400; i < 800; i++)
            {
                await log.AppendAsync("t", Keyed($"k{i % 10}", $"{i}".PadRight(2000)), Cancel);
            }

            await log.MaintainAsync();
            entries = await EntriesAsync(log);
            Assert.DoesNotContain(entries, e => Text(e.Key) == "gone");
            Assert.Contains(entries, e => Text(e.Key) == "kept");
            AssertNewest(entries);
            Assert.Equal(entries.Select(e => e.Offset).Distinct().Order(), entries.Select(e => e.Offset));
        }

        await using var again = Open();
        AssertNewest(await EntriesAsync(again));

        static LogRecord Keyed(string key, string value) => Record(value, key: key, partition: 0);
        static void AssertNewest(List<LogEntry> entries)
        {
            var last = entries.Where(e => Text(e.Key).StartsWith("k", StringComparison.Ordinal) && Text(e.Key) != "kept").Max(e => int.Parse(Text(e.Value), CultureInfo.InvariantCulture));
            for (var i = last - 9; i <= last; i++)
            {
                Assert.Equal(i, int.Parse(Text(entries.Last(e => Text(e.Key) == $"k{i % 10}").Value), CultureInfo.InvariantCulture));
            }
        }
    }

    [Fact]
    public async Task Crash_between_the_two_steps_of_a_merge_leaves_one_truth()
    {
        await using (var log = Open(o => o with { SegmentBytes = 64 * 1024 }))
        {
            await log.EnsureTopicAsync(new TopicDefinition("t", 1, Compacted: true), Cancel);
            for (var i = 0; i < 300; i++)
            {
                await log.AppendAsync("t", Record($"{i}".PadRight(2000), key: $"k{i % 10}"), Cancel);
            }
        }

        var before = _directory.File("before");
        Directory.CreateDirectory(before);
        foreach (var file in Directory.GetFiles(_directory.File("t"), "*.db"))
        {
            File.Copy(file, Path.Combine(before, Path.GetFileName(file)));
        }

        long count;
        await using (var log = Open())
        {
            await log.MaintainAsync();
            count = (await EntriesAsync(log)).Count;
            Assert.True(count < 100);
        }

        // The merged file is in place, and the files that it replaces came back; and a half-written one lies about.
        foreach (var file in Directory.GetFiles(before))
        {
            var target = Path.Combine(_directory.File("t"), Path.GetFileName(file));
            if (!File.Exists(target))
            {
                File.Copy(file, target);
            }
        }

        await File.WriteAllBytesAsync(Path.Combine(_directory.File("t"), "merge.tmp"), new byte[100], Cancel);
        await using var again = Open();
        Assert.Equal(count, (await EntriesAsync(again)).Count);
        Assert.Equal(2, Directory.GetFiles(_directory.File("t")).Count(f => f.EndsWith(".db", StringComparison.Ordinal) || f.EndsWith(".tmp", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Full_disk_refuses_appends_and_keeps_what_was_acknowledged()
    {
        var acknowledged = 0;
        await using (var log = Open(o => o with { MaxPagesPerSegment = 60 }))
        {
            await log.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel);
            EventLogException? error = null;
            while (error is null)
            {
                try
                {
                    await log.AppendAsync("t", [Record($"{acknowledged}".PadRight(900)), Record($"{acknowledged + 1}".PadRight(900))], Cancel);
                    acknowledged += 2;
                }
                catch (EventLogException e)
                {
                    error = e;
                }

                Assert.True(acknowledged < 10_000);
            }

            Assert.True(error.IsTransient);
            Assert.Contains("disk is full", error.Message, StringComparison.Ordinal);
            Assert.Equal(acknowledged, (await ValuesAsync(log)).Count);
            await Assert.ThrowsAsync<EventLogException>(async () => await log.AppendAsync("t", Record("still full".PadRight(20_000)), Cancel));
        }

        await using var again = Open();
        Assert.Equal(acknowledged, (await again.AppendAsync("t", Record("room again"), Cancel)).Offset);
        Assert.Equal(Enumerable.Range(0, acknowledged).Select(i => $"{i}").Append("room again"), (await ValuesAsync(again)).Select(v => v.TrimEnd()));
    }

    [Fact]
    public async Task Locked_database_is_a_transient_error()
    {
        await using var log = Open();
        await log.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel);
        await log.AppendAsync("t", Record("1"), Cancel);
        using (var other = SqliteDatabase.Open(Directory.GetFiles(_directory.File("t"), "*.db").Single(), SqliteDatabase.Mode.ReadWriteCreate))
        {
            other.Execute("BEGIN IMMEDIATE");
            var error = await Assert.ThrowsAsync<EventLogException>(async () => await log.AppendAsync("t", Record("2"), Cancel));
            Assert.True(error.IsTransient);
            Assert.Contains("locked", error.Message, StringComparison.Ordinal);
            other.Execute("ROLLBACK");
        }

        Assert.Equal(1, (await log.AppendAsync("t", Record("3"), Cancel)).Offset);
        Assert.Equal(["1", "3"], await ValuesAsync(log));
    }

    [Theory]
    [InlineData(0.6)]
    [InlineData(0.0)]
    public async Task Torn_last_segment_keeps_its_readable_prefix(double kept)
    {
        string file;
        await using (var log = Open(o => o with { SegmentBytes = 1024 * 1024 }))
        {
            await log.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel);
            for (var i = 0; i < 20; i++)
            {
                await log.AppendAsync("t", [.. Enumerable.Range(0, 100).Select(n => Record($"{(i * 100) + n}".PadRight(900)))], Cancel);
            }

            await using var member = await log.SubscribeAsync(new GroupSubscription("g", "t", a => new Collector(a)), Cancel);
            await Eventually.TrueAsync(() => log.Position("g", "t", 0).Next == 2000, "the group has committed everything");
            file = Directory.GetFiles(_directory.File("t"), "*.db").Order(StringComparer.Ordinal).Last();
        }

        using (var torn = File.OpenWrite(file))
        {
            var length = torn.Length;
            torn.SetLength((long)(length * kept) / 8192 * 8192);
            torn.SetLength(length);
        }

        await using var again = Open();
        var values = await ValuesAsync(again);
        Assert.InRange(values.Count, 1000, 1999);
        Assert.Equal(Enumerable.Range(0, values.Count).Select(i => $"{i}"), values.Select(v => v.TrimEnd()));
        Assert.True(kept == 0 || File.Exists(file + ".damaged"));

        // Offsets that a group has seen are not given again.
        Assert.Equal(2000, (await again.AppendAsync("t", Record("next"), Cancel)).Offset);
        Assert.Equal("next", (await ValuesAsync(again))[^1]);
    }

    [Fact]
    public async Task Rows_of_many_records_are_read_from_any_record_in_pieces_of_any_size()
    {
        var times = new long[3];
        await using (var log = Open())
        {
            await log.EnsureTopicAsync(new TopicDefinition("t", 2), Cancel);
            for (var i = 0; i < times.Length; i++)
            {
                // Several rows a commit, and records of the other partition among them.
                var positions = await log.AppendAsync("t", [.. Enumerable.Range(0, 600).Select(n => Record($"{(i * 300) + (n / 2)}".PadRight(500), partition: n % 2))], Cancel);
                Assert.Equal(Enumerable.Range(0, 600).Select(n => new LogPosition(n % 2, (i * 300) + (n / 2))), positions);
                times[i] = (_clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;
                _clock.Advance(TimeSpan.FromSeconds(1));
            }
        }

        await using var again = Open();
        for (var from = 0; from < 900; from += 97)
        {
            var some = new List<LogEntry>();
            await foreach (var entry in again.ReadAsync("t", 1, from, from + 5, Cancel))
            {
                some.Add(entry);
            }

            Assert.Equal(Enumerable.Range(from, Math.Min(5, 900 - from)).Select(o => ((long)o, $"{o}")), some.Select(e => (e.Offset, Text(e.Value).TrimEnd())));
        }

        Assert.Equal(0, await again.FindOffsetAsync("t", 0, times[0], Cancel));
        Assert.Equal(300, await again.FindOffsetAsync("t", 0, times[1], Cancel));
        Assert.Equal(600, await again.FindOffsetAsync("t", 0, times[1] + 1, Cancel));
        Assert.Equal(900, await again.FindOffsetAsync("t", 0, times[2] + 1, Cancel));
        var pieces = new Collectors(null);
        await using var member = await again.SubscribeAsync(new GroupSubscription("g", "t", pieces.Create, MaxBatch: 7), Cancel);
        await Eventually.TrueAsync(() => pieces.Count == 1800, "both partitions are read");
        Assert.Equal(Enumerable.Range(0, 900).Select(i => (long)i), pieces.All.Where(e => e.Partition == 0).Select(e => e.Offset));
        Assert.All(pieces.All, e => Assert.Equal(e.Offset, long.Parse(Text(e.Value).TrimEnd(), CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task Altered_bytes_are_an_error_and_never_a_record()
    {
        await using (var log = Open(o => o with { SegmentBytes = 64 * 1024 }))
        {
            await log.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel);
            for (var i = 0; i < 40; i++)
            {
                await log.AppendAsync("t", Record($"{i}".PadRight(4000)), Cancel);
            }
        }

        using (var first = SqliteDatabase.Open(Directory.GetFiles(_directory.File("t"), "*.db").Order(StringComparer.Ordinal).First(), SqliteDatabase.Mode.ReadWriteCreate))
        {
            first.Execute("UPDATE p0 SET body = CAST(substr(body, 1, 100) || 'x' || substr(body, 102) AS BLOB) WHERE offset = 5");
        }

        await using var again = Open();
        var read = new List<long>();
        var error = await Assert.ThrowsAsync<DamagedSegmentException>(async () =>
        {
            await foreach (var entry in again.ReadAsync("t", 0, 5, long.MaxValue, Cancel))
            {
                read.Add(entry.Offset);
            }
        });
        Assert.Empty(read);
        Assert.Contains("offset 5 ", error.Message, StringComparison.Ordinal);
        await foreach (var entry in again.ReadAsync("t", 0, 6, long.MaxValue, Cancel))
        {
            read.Add(entry.Offset);
        }

        Assert.Equal(Enumerable.Range(6, 34).Select(i => (long)i), read);
    }

    [Fact]
    public async Task Log_of_another_layout_is_refused_with_the_remedy()
    {
        await using (var log = Open())
        {
            await log.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel);
            await log.AppendAsync("t", Record("1"), Cancel);
        }

        using (var segment = SqliteDatabase.Open(Directory.GetFiles(_directory.File("t"), "*.db").Single(), SqliteDatabase.Mode.ReadWriteCreate))
        {
            segment.Execute("PRAGMA user_version=1");
        }

        var error = Assert.Throws<EventLogException>(() => Open());
        Assert.False(error.IsTransient);
        Assert.Contains("layout 1", error.Message, StringComparison.Ordinal);
        Assert.Contains("Move the folder", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0000000000.db")]
    [InlineData("0000000001.db")]
    public async Task Segment_whose_making_was_killed_before_it_had_tables_is_made_anew(string name)
    {
        await using (var log = Open())
        {
            await log.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel);
            if (name != "0000000000.db")
            {
                await log.AppendAsync("t", Record("1"), Cancel);
            }
        }

        // As kill -9 leaves a database in the middle of a change under a rollback journal: pages written, journal still there.
        var file = Path.Combine(_directory.File("t"), name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        using (var database = SqliteDatabase.Open(_directory.File("half"), SqliteDatabase.Mode.ReadWriteCreate))
        {
            database.Execute("CREATE TABLE rows(x)");
            database.Execute("PRAGMA cache_size=1");
            database.Execute("BEGIN");
            for (var i = 0; i < 100; i++)
            {
                database.Execute("INSERT INTO rows VALUES(zeroblob(4000))");
            }

            File.Copy(_directory.File("half"), file, overwrite: true);
            File.Copy(_directory.File("half-journal"), file + "-journal");
            database.Execute("ROLLBACK");
        }

        await using var again = Open();
        Assert.Equal(name == "0000000000.db" ? 0 : 1, (await again.AppendAsync("t", Record("2"), Cancel)).Offset);
        Assert.Equal("2", (await ValuesAsync(again))[^1]);
        Assert.False(File.Exists(file + "-journal"));
    }

    [Fact]
    public async Task Write_ahead_log_and_memory_stay_bounded_behind_slow_and_fast_groups()
    {
        await using var log = Open(o => o with { WalBytes = 1024 * 1024, TailBytes = 4 * 1024 * 1024, SegmentBytes = 16 * 1024 * 1024 });
        await log.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel);
        var open = new SemaphoreSlim(0);
        var slow = new Collectors(open) { Keep = false };
        var fast = new Collectors(null) { Keep = false };
        await using var stuck = await log.SubscribeAsync(new GroupSubscription("slow", "t", slow.Create), Cancel);
        await using var quick = await log.SubscribeAsync(new GroupSubscription("fast", "t", fast.Create), Cancel);
        var batch = Enumerable.Range(0, 200).Select(_ => new LogRecord("k"u8.ToArray(), new byte[1000], [])).ToArray();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        long wal = 0;
        for (var i = 0; i < 300; i++)
        {
            await log.AppendAsync("t", batch, Cancel);
            wal = Math.Max(wal, new DirectoryInfo(_directory.File("t")).GetFiles("*-wal").Sum(f => f.Length));
        }

        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.InRange(wal, 1, 16 * 1024 * 1024);
        Assert.True(grown < 20 * 1024 * 1024, $"60 MB went through, memory grew by {grown} bytes");
        open.Release(1_000_000);
        await Eventually.TrueAsync(() => slow.Count == 60_000 && fast.Count == 60_000, "both groups have everything");
    }

    [Fact]
    public async Task Groups_at_the_tail_share_decoded_records()
    {
        await using var log = Open();
        await log.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel);
        var one = new Collectors(null);
        var two = new Collectors(null);
        await using var first = await log.SubscribeAsync(new GroupSubscription("one", "t", one.Create), Cancel);
        await using var second = await log.SubscribeAsync(new GroupSubscription("two", "t", two.Create), Cancel);
        await log.AppendAsync("t", [Record("1"), Record("2")], Cancel);
        await Eventually.TrueAsync(() => one.All.Count == 2 && two.All.Count == 2, "both groups have both records");
        Assert.All(one.All.Zip(two.All), pair => Assert.Same(pair.First, pair.Second));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("ä")]
    public async Task Bad_topic_names_are_refused(string name)
    {
        await using var log = Open();
        await Assert.ThrowsAsync<ArgumentException>(async () => await log.EnsureTopicAsync(new TopicDefinition(name, 1), Cancel));
    }

    private static LogRecord Record(string value, int partition = 0, string key = "k") =>
        new(System.Text.Encoding.UTF8.GetBytes(key), System.Text.Encoding.UTF8.GetBytes(value), [], partition);

    private static string Text(ReadOnlyMemory<byte>? bytes) => System.Text.Encoding.UTF8.GetString(bytes!.Value.Span);

    private static async Task<List<LogEntry>> EntriesAsync(EmbeddedEventLog log)
    {
        var entries = new List<LogEntry>();
        await foreach (var entry in log.ReadAsync("t", 0, 0, long.MaxValue, Cancel))
        {
            entries.Add(entry);
        }

        return entries;
    }

    private static async Task<List<string>> ValuesAsync(EmbeddedEventLog log) => [.. (await EntriesAsync(log)).Select(e => Text(e.Value))];

    private EmbeddedEventLog Open(Func<EmbeddedEventLogOptions, EmbeddedEventLogOptions>? change = null, TimeProvider? time = null)
    {
        var options = new EmbeddedEventLogOptions { Directory = _directory.Path };
        return EmbeddedEventLog.Open(change is null ? options : change(options), time ?? _clock, NullLoggerFactory.Instance);
    }
}
