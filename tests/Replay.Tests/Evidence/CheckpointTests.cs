using Google.Protobuf;
using Microsoft.Extensions.Time.Testing;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Replay.Evidence;
using Monitoring.TestKit;

namespace Monitoring.Replay.Tests.Evidence;

public sealed class CheckpointTests
{
    [Fact]
    public async Task Segments_are_full_chained_and_signed()
    {
        using var log = await SealedLog.CreateAsync(events: 70, findings: 0);
        var chain = await log.ChainAsync(Topics.InferenceEvents);
        using var key = VerificationKey.Parse(log.Key.PublicKey);

        Assert.Equal(4, chain.Checkpoints.Count);
        Assert.Equal(64, chain.NextOffset);
        var previous = MerkleTree.EmptyRoot;
        foreach (var checkpoint in chain.Checkpoints)
        {
            Assert.Equal(16, checkpoint.Records);
            Assert.Equal(previous, checkpoint.Previous.ToByteArray());
            Assert.True(key.Verify(CheckpointBytes.Signed(checkpoint.Topic, 0, checkpoint.Index + 1, checkpoint.ChainRoot.Span), checkpoint.Signature.Span));
            previous = checkpoint.ChainRoot.ToByteArray();
        }
    }

    [Fact]
    public async Task Restart_continues_with_the_same_bytes_as_an_undisturbed_run()
    {
        using var undisturbed = await SealedLog.CreateAsync(events: 100, findings: 0);
        using var disturbed = await SealedLog.CreateAsync(events: 30, findings: 0);
        for (var i = 30; i < 100; i++)
        {
            await disturbed.Log.AppendAsync(Topics.InferenceEvents, SealedLog.Event(i));
            await disturbed.SealAsync(Topics.InferenceEvents);
        }

        var expected = (await undisturbed.ChainAsync(Topics.InferenceEvents)).Checkpoints;
        var actual = (await disturbed.ChainAsync(Topics.InferenceEvents)).Checkpoints;

        // Times differ: the disturbed log also appended checkpoints between. Boundaries and counts are what a restart must not move.
        Assert.Equal(expected.Select(c => (c.Index, c.FromOffset, c.ToOffset, c.Records)), actual.Select(c => (c.Index, c.FromOffset, c.ToOffset, c.Records)));
    }

    [Fact]
    public async Task Old_records_are_sealed_though_the_segment_is_not_full()
    {
        using var log = await SealedLog.CreateAsync(events: 10, findings: 0);
        log.Log.Now += 61_000_000_000;
        await log.Log.AppendAsync(Topics.InferenceEvents, SealedLog.Event(10));
        await log.SealAsync(Topics.InferenceEvents);
        Assert.Equal(10, Assert.Single((await log.ChainAsync(Topics.InferenceEvents)).Checkpoints).Records);
    }

    [Fact]
    public async Task Quiet_partition_is_sealed_when_its_records_are_old_enough_and_goes_on_behind_them()
    {
        using var log = await SealedLog.CreateAsync(events: 0, findings: 0);
        var time = new FakeTimeProvider();
        var open = new OpenSegments();
        var processor = new CheckpointProcessor(log.Log, log.Key, new EvidenceOptions { KeyFile = "unused", SegmentRecords = 16 }, new SealedLog.Assignment(Topics.InferenceEvents)) { Open = open, Time = time };
        await processor.StartAsync(CancellationToken.None);
        await AppendAsync(0, 5);
        await open.SealAsync(TimeSpan.FromMinutes(1), CancellationToken.None);
        Assert.Empty((await log.ChainAsync(Topics.InferenceEvents)).Checkpoints);

        time.Advance(TimeSpan.FromMinutes(1));
        await open.SealAsync(TimeSpan.FromMinutes(1), CancellationToken.None);
        await open.SealAsync(TimeSpan.Zero, CancellationToken.None);
        Assert.Equal([5], (await log.ChainAsync(Topics.InferenceEvents)).Checkpoints.Select(c => c.Records));

        await AppendAsync(5, 20);
        await processor.StopAsync(lost: false, CancellationToken.None);
        await open.SealAsync(TimeSpan.Zero, CancellationToken.None);
        var chain = await log.ChainAsync(Topics.InferenceEvents);
        Assert.Equal([(0L, 5L, 5), (5L, 21L, 16), (21L, 25L, 4)], chain.Checkpoints.Select(c => (c.FromOffset, c.ToOffset, c.Records)));
        Assert.Equal(0, chain.Rejected);

        async Task AppendAsync(int from, int count)
        {
            for (var i = from; i < from + count; i++)
            {
                await log.Log.AppendAsync(Topics.InferenceEvents, SealedLog.Event(i));
            }

            await processor.ProcessAsync([.. log.Log.Partition(Topics.InferenceEvents, 0).Skip(from)], CancellationToken.None);
        }
    }

    [Fact]
    public async Task Clean_stop_seals_the_rest()
    {
        using var log = await SealedLog.CreateAsync(events: 21, findings: 0);
        await log.SealAsync(Topics.InferenceEvents, stop: true);
        Assert.Equal([16, 5], (await log.ChainAsync(Topics.InferenceEvents)).Checkpoints.Select(c => c.Records));
    }

    [Fact]
    public async Task Late_write_of_an_earlier_owner_does_not_continue_the_chain()
    {
        using var log = await SealedLog.CreateAsync(events: 32, findings: 0);
        var chain = await log.ChainAsync(Topics.InferenceEvents);
        var late = chain.Checkpoints[1].Clone();
        late.ToOffset = 20;
        await log.Log.AppendAsync(Topics.Evidence, new LogRecord("inference.events/0"u8.ToArray(), late.ToByteArray(), []));

        var reread = await log.ChainAsync(Topics.InferenceEvents);
        Assert.Equal(1, reread.Rejected);
        Assert.Equal(chain.Checkpoints, reread.Checkpoints);
    }

    [Fact]
    public async Task Owner_that_was_overtaken_does_not_write()
    {
        using var log = await SealedLog.CreateAsync(events: 16, findings: 0);
        var stale = new CheckpointChain(Topics.InferenceEvents, 0);
        var error = await Assert.ThrowsAsync<EventLogException>(async () => await stale.SealAsync(log.Log, log.Key, new byte[32], 1, 0, 1, 0, 0, CancellationToken.None));
        Assert.Contains("another owner up to offset 16", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Key_file_is_made_once_for_its_owner_only()
    {
        using var directory = new TemporaryDirectory();
        var path = directory.File("keys/evidence.pem");
        using var created = SigningKey.OpenOrCreate(path);
        using var opened = SigningKey.OpenOrCreate(path);
        using var published = VerificationKey.Open(path + ".pub");

        Assert.Equal(created.Id, opened.Id);
        Assert.Equal(created.Id, published.Id);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.True(published.Verify("x"u8, opened.Sign("x"u8)));

        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Contains("0600", Assert.Throws<InvalidDataException>(() => SigningKey.OpenOrCreate(path)).Message, StringComparison.Ordinal);
    }
}
