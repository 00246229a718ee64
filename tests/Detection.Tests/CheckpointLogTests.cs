using Monitoring.Contracts;
using Monitoring.Detection.Tests.Support;
using Monitoring.EventLog;

namespace Monitoring.Detection.Tests;

public sealed class CheckpointLogTests
{
    private static readonly StateKey s_small = new("m", "1", "drift", "evidence");
    private static readonly StateKey s_large = new("m", "1", "index", "own", "page\u001f1");
    private readonly MemoryLog _log = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Large_values_are_chunked_and_come_back_whole()
    {
        var value = new byte[(CheckpointLog.ChunkBytes * 2) + 17];
        new Random(1).NextBytes(value);
        var writer = await OpenAsync(1);
        await writer.WriteAsync([(s_large, value), (s_small, [])], 10, "c", Stop);

        Assert.All(_log.Entries(Topics.State("g")).Where(e => e.Value is not null), e => Assert.True(e.Value!.Value.Length <= CheckpointLog.ChunkBytes + 64));
        var restored = await RestoreAsync(2);
        Assert.Equal(10, restored.Manifest!.ResumeOffset);
        Assert.Equal(value, restored.Values[s_large]);
        Assert.Empty(restored.Values[s_small]);
    }

    [Fact]
    public async Task A_checkpoint_costs_what_changed()
    {
        var writer = await OpenAsync(1);
        await writer.WriteAsync([(s_large, new byte[1000]), (s_small, [1])], 10, "c", Stop);
        var before = (await _log.GetOffsetsAsync(Topics.State("g"), 0, Stop)).End;
        await writer.WriteAsync([(s_small, [2])], 20, "c", Stop);

        Assert.Equal(2, (await _log.GetOffsetsAsync(Topics.State("g"), 0, Stop)).End - before);
        var restored = await RestoreAsync(2);
        Assert.Equal(1000, restored.Values[s_large].Length);
        Assert.Equal([2], restored.Values[s_small]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Torn_anywhere_the_last_whole_one_counts(int appends)
    {
        var old = new byte[CheckpointLog.ChunkBytes + 1];
        var writer = await OpenAsync(1);
        await writer.WriteAsync([(s_large, old), (s_small, [1])], 10, "c", Stop);
        await writer.WriteAsync([(s_small, [2])], 20, "c", Stop);
        var larger = new byte[(CheckpointLog.ChunkBytes * 2) + 1];
        larger.AsSpan().Fill(7);
        _log.AppendsLeft = appends;
        if (appends < 5)
        {
            // Three chunks, one small value, the manifest: the fifth append is the manifest.
            await Assert.ThrowsAsync<KilledException>(async () => await writer.WriteAsync([(s_large, larger), (s_small, [3])], 30, "c", Stop));
        }

        _log.AppendsLeft = null;
        var restored = await RestoreAsync(2);
        Assert.Equal(20, restored.Manifest!.ResumeOffset);
        Assert.Equal(old, restored.Values[s_large]);
        Assert.Equal([2], restored.Values[s_small]);
        Assert.Equal(0, restored.LateRecords);
    }

    [Fact]
    public async Task Removed_values_stay_removed_and_leave_no_records()
    {
        var writer = await OpenAsync(1);
        await writer.WriteAsync([(s_large, new byte[10]), (s_small, [1])], 10, "c", Stop);
        await writer.WriteAsync([(s_large, null)], 20, "c", Stop);
        Assert.Equal([s_small], (await RestoreAsync(2)).Values.Keys);

        // And can come back.
        writer = await OpenAsync(3);
        await writer.WriteAsync([(s_large, [5])], 30, "c", Stop);
        await writer.WriteAsync([(s_large, [6])], 40, "c", Stop);
        Assert.Equal([6], (await RestoreAsync(4)).Values[s_large]);
    }

    [Fact]
    public async Task A_former_owners_records_are_left_out_counted_and_cleaned_up()
    {
        var former = await OpenAsync(1);
        await former.WriteAsync([(s_small, [1]), (s_large, [10])], 10, "c", Stop);
        var owner = await OpenAsync(2);
        await owner.WriteAsync([(s_small, [2])], 20, "c", Stop);
        await former.WriteAsync([(s_small, [99]), (s_large, [98])], 15, "c", Stop);

        var restored = await RestoreAsync(3);
        Assert.Equal(20, restored.Manifest!.ResumeOffset);
        Assert.Equal([2], restored.Values[s_small]);
        // Unchanged since the former owner's last good checkpoint: its record from then still counts.
        Assert.Equal([10], restored.Values[s_large]);
        Assert.Equal(2, restored.LateRecords);

        var next = await OpenAsync(4);
        await next.WriteAsync([(s_small, [3])], 30, "c", Stop);
        Assert.Equal(0, (await RestoreAsync(5)).LateRecords);
    }

    [Fact]
    public async Task Damage_is_an_error_that_names_the_value()
    {
        var writer = await OpenAsync(1);
        await writer.WriteAsync([(s_large, new byte[CheckpointLog.ChunkBytes + 1])], 10, "c", Stop);
        var second = _log.Entries(Topics.State("g")).Single(e => System.Text.Encoding.UTF8.GetString(e.Key.Span).StartsWith("v|1|0|1|", StringComparison.Ordinal));
        await _log.AppendAsync(Topics.State("g"), new LogRecord(second.Key, null, [], 0), Stop);

        var error = await Assert.ThrowsAsync<InvalidDataException>(() => RestoreAsync(2));
        Assert.Contains("monitor 'index'", error.Message, StringComparison.Ordinal);
        Assert.Contains("chunk 1 of 2 is missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_with_separators_in_them_stay_apart()
    {
        var a = new StateKey("m\u001fx", "1", "d", "own", "\u001e1");
        Assert.Equal(a, StateKey.Parse(a.ToText()));
        Assert.NotEqual(new StateKey("m", "x\u001f1", "d", "own").ToText(), new StateKey("m\u001fx", "1", "d", "own").ToText());
    }

    private async Task<CheckpointLog> OpenAsync(long epoch)
    {
        var checkpoints = new CheckpointLog(_log, "g", 0, 1);
        await checkpoints.EnsureTopicAsync(Stop);
        await checkpoints.RestoreAsync(epoch, Stop);
        return checkpoints;
    }

    private async Task<RestoredState> RestoreAsync(long epoch) => await new CheckpointLog(_log, "g", 0, 1).RestoreAsync(epoch, Stop);
}
