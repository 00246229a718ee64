using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.EventLog;
using Monitoring.TestKit;

namespace Monitoring.Inference.Tests;

public sealed class SpoolTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    [Fact]
    public void Payloads_come_back_in_order_over_many_segments()
    {
        using var spool = Open(segmentBytes: 1000);
        Assert.All(Enumerable.Range(0, 500), i => Assert.Equal(SpoolResult.Written, Append(spool, i)));
        Assert.InRange(Files().Length, 9, 12);
        Assert.Equal(Enumerable.Range(0, 500), ReadAll(spool, maxBytes: 300));
        Assert.Equal(0, spool.PendingBytes);
        Assert.Single(Files());
    }

    [Fact]
    public void A_payload_larger_than_a_read_comes_whole()
    {
        using var spool = Open();
        var large = new byte[Spool.FrameHeader + 3_000_000];
        large.AsSpan(Spool.FrameHeader).Fill(7);
        Append(spool, 1);
        Assert.Equal(SpoolResult.Written, spool.TryAppend(large));
        Append(spool, 2);
        var payloads = new List<ReadOnlyMemory<byte>>();
        var sizes = new List<int>();
        while (spool.Read(payloads) > 0)
        {
            sizes.AddRange(payloads.Select(p => p.Length));
            spool.Acknowledge();
        }

        Assert.Equal(3, sizes.Count);
        Assert.Equal(3_000_000, sizes[1]);
    }

    [Fact]
    public void What_was_not_acknowledged_comes_again_after_a_crash_and_what_was_does_not()
    {
        var first = Open(segmentBytes: 200);
        Enumerable.Range(0, 40).ToList().ForEach(i => Append(first, i));
        var payloads = new List<ReadOnlyMemory<byte>>();
        first.Read(payloads, 100);
        var acknowledged = payloads.Count;
        first.Acknowledge();
        first.Read(payloads, 100);
        Assert.NotEmpty(payloads);

        // A crash closes files without any orderly end; the folder is all that is left.
        using var copy = Crash(first);
        using var second = Open(copy.Path);
        Append(second, 40);
        Assert.Equal(Enumerable.Range(acknowledged, 41 - acknowledged), ReadAll(second));
        second.Dispose();
        using var third = Open(copy.Path);
        Assert.Empty(ReadAll(third));
    }

    [Theory]
    [InlineData(-3)]
    [InlineData(-12)]
    [InlineData(5)]
    public void A_torn_end_costs_the_torn_frame_only(int change)
    {
        var first = Open(maps: false);
        Enumerable.Range(0, 10).ToList().ForEach(i => Append(first, i));
        using var copy = Crash(first);
        var file = Directory.GetFiles(copy.Path, "*.spool").Single();
        using (var stream = File.Open(file, FileMode.Open))
        {
            stream.SetLength(stream.Length + change);
        }

        using var second = Open(copy.Path);
        Append(second, 10);
        var read = ReadAll(second);
        Assert.Equal(change > 0 ? Enumerable.Range(0, 11) : Enumerable.Range(0, 9).Append(10), read);

        // Zeros behind the last frame are its end and no damage.
        Assert.Equal(change > 0 ? 0 : 1, second.DamagedFrames);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Files_are_used_again_and_what_was_in_them_is_no_event(bool maps)
    {
        // Three rounds through every file, then a crash in the middle of the fourth.
        const int segment = 64 << 10;
        var first = Open(segmentBytes: segment, maps: maps);
        var payloads = new List<ReadOnlyMemory<byte>>();
        var next = 0;
        var read = 0;
        for (var round = 0; round < 40; round++)
        {
            for (var i = 0; i < 700; i++)
            {
                Assert.Equal(SpoolResult.Written, Append(first, next++));
            }

            while (first.Read(payloads, 5000) > 0)
            {
                payloads.ForEach(p => Assert.Equal(read++, Number(p)));
                first.Acknowledge();
            }
        }

        Assert.Equal(next, read);
        Assert.Equal(0, first.PendingBytes);
        Assert.InRange(Files().Length, 1, 3);
        for (var i = 0; i < 100; i++)
        {
            Append(first, next++);
        }

        using var copy = Crash(first);
        if (maps)
        {
            Assert.Contains(Directory.GetFiles(copy.Path, "*.spool"), f => new FileInfo(f).Length == segment);
        }

        using var second = Open(copy.Path, segmentBytes: segment, maps: maps);
        Assert.InRange(second.PendingBytes, 100 * 10, 100 * 30);
        Assert.Equal(Enumerable.Range(read, 100), ReadAll(second));
        Assert.Equal(0, second.DamagedFrames);
        Assert.Equal(0, second.PendingBytes);
        Assert.Equal(SpoolResult.Written, Append(second, next));
        Assert.Equal([next], ReadAll(second));
    }

    [Fact]
    public void A_frame_of_another_segment_is_never_an_event()
    {
        // After a power cut a file that was used again may hold what it held before, under its new name.
        var first = Open();
        Enumerable.Range(0, 10).ToList().ForEach(i => Append(first, i));
        using var copy = Crash(first);
        var file = Directory.GetFiles(copy.Path, "*.spool").Single();
        File.Move(file, Path.Combine(copy.Path, "00000000000000000007.spool"));
        using var second = Open(copy.Path);
        Append(second, 10);
        Assert.Equal([10], ReadAll(second));
        Assert.Equal(1, second.DamagedFrames);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_end_without_a_crash_leaves_no_zeros_and_no_spare_files(bool maps)
    {
        var first = Open(segmentBytes: 64 << 10, maps: maps);
        for (var i = 0; i < 20_000; i++)
        {
            Append(first, i);
            if (i % 3000 == 2999)
            {
                ReadAll(first);
            }
        }

        var pending = first.PendingBytes;
        first.Dispose();
        using var second = Open(segmentBytes: 64 << 10, maps: maps);
        Assert.Equal(pending, second.PendingBytes);
        Assert.Equal(Enumerable.Range(18_000, 2000), ReadAll(second));
    }

    [Fact]
    public void Damage_in_the_middle_costs_the_damaged_frame_only()
    {
        var first = Open();
        Enumerable.Range(0, 10).ToList().ForEach(i => Append(first, i));
        using var copy = Crash(first);
        var file = Directory.GetFiles(copy.Path, "*.spool").Single();
        var bytes = File.ReadAllBytes(file);
        var at = Encoding.UTF8.GetString(bytes).IndexOf("payload 4", StringComparison.Ordinal);
        bytes[at] ^= 1;
        File.WriteAllBytes(file, bytes);
        using var second = Open(copy.Path);
        Assert.Equal([0, 1, 2, 3, 5, 6, 7, 8, 9], ReadAll(second));
        Assert.Equal(1, second.DamagedFrames);
    }

    [Fact]
    public void A_damaged_position_repeats_and_loses_nothing()
    {
        var first = Open();
        Enumerable.Range(0, 10).ToList().ForEach(i => Append(first, i));
        var payloads = new List<ReadOnlyMemory<byte>>();
        first.Read(payloads, 60);
        first.Acknowledge();
        using var copy = Crash(first);
        File.WriteAllBytes(Path.Combine(copy.Path, "position"), new byte[20]);
        using var second = Open(copy.Path);
        Assert.Equal(Enumerable.Range(0, 10), ReadAll(second));
    }

    [Fact]
    public void Beyond_the_limit_appends_are_refused_until_there_is_room()
    {
        using var spool = Open(maxBytes: 500);
        var written = 0;
        while (Append(spool, written) == SpoolResult.Written)
        {
            written++;
        }

        Assert.InRange(written, 10, 60);
        Assert.Equal(SpoolResult.Full, Append(spool, 0));
        Assert.Equal(Enumerable.Range(0, written), ReadAll(spool));
        Assert.Equal(SpoolResult.Written, Append(spool, written));
    }

    [Fact]
    public void A_full_disk_is_a_result_and_not_an_exception()
    {
        // /dev/full refuses every write as a full disk does: it is the second segment.
        using var spool = Open(segmentBytes: 10);
        File.CreateSymbolicLink(_folder.File("00000000000000000002.spool"), "/dev/full");
        Assert.Equal(SpoolResult.Written, Append(spool, 0));
        Assert.Equal(SpoolResult.DiskError, Append(spool, 1));
        Assert.Equal([0], ReadAll(spool));
        Assert.Equal(0, spool.PendingBytes);
    }

    [Fact]
    public void A_second_process_on_the_folder_is_an_error_that_says_so()
    {
        using var spool = Open();
        Assert.Contains("used by another process", Assert.Throws<IOException>(() => Open()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Waiting_ends_when_something_arrives()
    {
        using var spool = Open();
        var wait = spool.WaitAsync(TestContext.Current.CancellationToken).AsTask();
        Assert.False(wait.IsCompleted);
        Append(spool, 1);
        await wait;
    }

    [Theory]
    [InlineData(10_000, 2000, 10)]
    [InlineData(64 << 10, 4000, 100)]
    [InlineData(64 << 10, 20_000, int.MaxValue)]
    public async Task Concurrent_appends_and_flushes_keep_every_payload(int segmentBytes, int count, int flushEvery)
    {
        using var spool = Open(segmentBytes: segmentBytes);
        var reader = Task.Run(async () =>
        {
            var seen = new HashSet<int>();
            var payloads = new List<ReadOnlyMemory<byte>>();
            while (seen.Count < count)
            {
                await spool.WaitAsync(TestContext.Current.CancellationToken);
                while (spool.Read(payloads, 2000) > 0)
                {
                    payloads.ForEach(p => Assert.True(seen.Add(Number(p))));
                    spool.Acknowledge();
                }
            }
        });
        await Parallel.ForAsync(0, count, TestContext.Current.CancellationToken, async (i, token) =>
        {
            Assert.Equal(SpoolResult.Written, Append(spool, i));
            if (i % flushEvery == flushEvery - 1)
            {
                await spool.FlushAsync(token);
            }
        });
        await reader;
        Assert.Equal(0, spool.DamagedFrames);
        Assert.Equal(0, spool.PendingBytes);
    }

    [Fact]
    public void Crc_equals_the_standards_vectors()
    {
        // RFC 3720, B.4.
        Assert.Equal(0x8A9136AAu, Crc32C.Compute(new byte[32]));
        Assert.Equal(0x62A8AB43u, Crc32C.Compute(Enumerable.Repeat((byte)0xff, 32).ToArray()));
        Assert.Equal(0x46DD794Eu, Crc32C.Compute(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray()));
        Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));
    }

    public void Dispose() => _folder.Dispose();

    private static SpoolResult Append(Spool spool, int number)
    {
        var payload = Encoding.UTF8.GetBytes($"payload {number}");
        var frame = new byte[Spool.FrameHeader + payload.Length];
        payload.CopyTo(frame.AsSpan(Spool.FrameHeader));
        return spool.TryAppend(frame);
    }

    private static int Number(ReadOnlyMemory<byte> payload) => int.Parse(Encoding.UTF8.GetString(payload.Span)["payload ".Length..], System.Globalization.CultureInfo.InvariantCulture);

    private static List<int> ReadAll(Spool spool, int maxBytes = 1 << 20)
    {
        var numbers = new List<int>();
        var payloads = new List<ReadOnlyMemory<byte>>();
        while (spool.Read(payloads, maxBytes) > 0)
        {
            numbers.AddRange(payloads.Select(Number));
            spool.Acknowledge();
        }

        return numbers;
    }

    private static TemporaryDirectory Crash(Spool spool)
    {
        var copy = new TemporaryDirectory();
        foreach (var file in Directory.GetFiles(spool.Folder).Where(f => Path.GetFileName(f) != "lock"))
        {
            File.Copy(file, Path.Combine(copy.Path, Path.GetFileName(file)));
        }

        spool.Dispose();
        return copy;
    }

    private string[] Files() => Directory.GetFiles(_folder.Path, "*.spool");

    private Spool Open(string? folder = null, long maxBytes = 1 << 30, long segmentBytes = 4 << 20, bool? maps = null) =>
        new(folder ?? _folder.Path, maxBytes, NullLogger.Instance, segmentBytes, maps);
}
