using System.Text;
using Monitoring.Contracts;
using Monitoring.Detection.Tests.Support;
using Monitoring.EventLog;

namespace Monitoring.Detection.Tests;

public sealed class RuntimeTests
{
    private static readonly WatchedMonitor s_plain = new() { Name = "inputs", Kind = "plain", BudgetPeriod = TimeSpan.FromMinutes(10) };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Undecodable_records_go_to_the_dead_letters_with_the_reason()
    {
        using var run = new Run();
        await run.FillAsync([new LogRecord("k"u8.ToArray(), new byte[] { 0xFF, 1, 2 }, []), .. Traffic.TwoModels(10, 10, 1), new LogRecord("k"u8.ToArray(), Google.Protobuf.MessageExtensions.ToByteArray(new InferenceEvent { Id = "x" }), [])]);
        await run.ProcessAsync(await run.StartAsync());

        var letters = run.Log.Entries(Topics.DeadLetters(Topics.InferenceEvents, Run.GroupName));
        Assert.Equal(2, letters.Count);
        Assert.Equal("inference.events/0/0", Header(letters[0], Headers.DeadLetterOrigin));
        Assert.NotEmpty(Header(letters[0], Headers.DeadLetterReason));
        Assert.Equal("the event names no model", Header(letters[1], Headers.DeadLetterReason));
        Assert.Equal(12, run.Processor!.Next);
    }

    [Fact]
    public async Task Coverage_is_what_was_seen_of_what_the_source_sent()
    {
        // 3 % of the calls never reached the log.
        var random = new Random(3);
        var records = new List<LogRecord>();
        for (var i = 0; i < 4000; i++)
        {
            var shift = i >= 3000 ? 0.6f : 0;
            if (random.NextDouble() >= 0.03 || i == 0)
            {
                records.Add(Traffic.Record(Traffic.Event("e" + i, "alpha", [Traffic.Normal(random) + shift], sequence: (ulong)i + 1), Traffic.StartNano + (i * 10_000_000L)));
            }
        }

        using var run = new Run(One(s_plain));
        await run.FillAsync(records);
        await run.ProcessAsync(await run.StartAsync());

        Assert.InRange(run.Processor!.Status()[0].Coverage, 0.96, 0.98);
        var finding = Assert.Single(run.Outcome().Findings);
        long Sequence(long offset) => (long)InferenceEvent.Parser.ParseFrom(records[(int)offset].Value!.Value.Span).Source.Sequence;
        var (since, at) = (finding.SinceOffset, finding.Position.InputOffset);
        Assert.Equal((at - since) / (double)(Sequence(at) - Sequence(since)), finding.Coverage, 12);
        Assert.True(finding.Coverage < 1);
    }

    [Fact]
    public async Task Muted_monitors_and_expected_clients_make_records_not_pages()
    {
        var everything = new WatchedMonitor { Name = "all", Kind = "everything", BudgetPeriod = TimeSpan.FromMinutes(1) };
        using var loud = new Run(One(everything));
        using var muted = new Run(One(everything with { Muted = true }));
        foreach (var run in new[] { loud, muted })
        {
            await run.FillAsync(Traffic.TwoModels(4000, 2500, seed: 4));
            await run.ProcessAsync(await run.StartAsync());
        }

        Assert.Contains(loud.Outcome().Findings, f => f.Severity == Severity.Harm);
        var quiet = muted.Outcome().Findings;
        Assert.Equal(loud.Outcome().Findings.Count, quiet.Count);
        Assert.All(quiet, f => Assert.Equal(Severity.Record, f.Severity));
        Assert.Equal(MonitorState.Muted, muted.Processor!.Status()[0].State);

        using var expected = new Run(new MonitorGroupConfiguration
        {
            Group = Run.GroupName,
            Models = [Run.Model("alpha", true, everything) with { Expected = [.. Enumerable.Range(0, 7).Select(i => "client-" + i)] }],
        });
        await expected.FillAsync(Traffic.TwoModels(4000, 2500, seed: 4));
        await expected.ProcessAsync(await expected.StartAsync());

        // All clients are expected: nothing is learned from them.
        Assert.Equal(0, expected.Processor!.Status()[0].LearnedDraws);
    }

    [Fact]
    public async Task A_receiver_of_many_unlisted_models_splits_one_budget()
    {
        var configuration = new MonitorGroupConfiguration { Group = Run.GroupName, Unlisted = Run.Model("", true, s_plain) };
        using var run = new Run(configuration);
        await run.FillAsync(Traffic.TwoModels(2500, 2500, seed: 5));
        await run.ProcessAsync(await run.StartAsync());

        var levels = run.Processor!.Status().ToDictionary(s => s.Model, s => Math.Exp(s.LogLevel));
        // Σ b_i ≤ b: in draws, period/(unit·share).
        var units = 600.0 / new[] { 0.015, 0.03 }.Max();
        Assert.Equal(2, levels.Count);
        Assert.True(levels.Values.Sum(l => units / l) <= 1);
        Assert.True(levels["beta"] > levels["alpha"]);
    }

    [Fact]
    public async Task Rows_that_cannot_be_read_are_seen_but_are_no_draws()
    {
        using var run = new Run(One(s_plain));
        var records = Traffic.TwoModels(2400, 2400, seed: 6).ToList();
        for (var i = 0; i < 300; i++)
        {
            var wrong = Traffic.Event("w" + i, "alpha", [1, 2]);
            records.Add(Traffic.Record(wrong, Traffic.StartNano + 24_000_000_000 + i));
        }

        await run.FillAsync(records);
        var from = await run.StartAsync();
        await run.ProcessAsync(from, 2400);
        var before = run.Processor!.Status()[0];
        await run.ProcessAsync(2400);
        Assert.Equal(before.Draws, run.Processor.Status()[0].Draws);
        Assert.Equal(before.EvidenceDigest, run.Processor.Status()[0].EvidenceDigest);
        Assert.Empty(run.Outcome().Findings);
    }

    [Theory]
    [InlineData(new long[] { 1_000_000_000, 0 }, 0)]
    [InlineData(new long[] { 1_000_000_000, 3 }, 12)]
    [InlineData(new long[] { -1, 3 }, 12)]
    [InlineData(new long[] { long.MaxValue, long.MaxValue }, 12)]
    [InlineData(new long[] { 3, 1, 1 }, 13)]
    [InlineData(new long[] { 400_000, 1 }, 1_600_000)]
    public async Task Shapes_that_lie_cost_nothing(long[] shape, int bytes)
    {
        using var run = new Run(One(s_plain));
        var lie = Traffic.Event("lie", "alpha", [1, 2, 3]);
        lie.Inputs[0].Shape.Clear();
        lie.Inputs[0].Shape.AddRange(shape);
        lie.Inputs[0].Data = Google.Protobuf.ByteString.CopyFrom(new byte[bytes]);
        await run.FillAsync([.. Traffic.TwoModels(30, 30, seed: 8), Traffic.Record(lie, Traffic.StartNano + 1_000_000_000)]);
        var from = await run.StartAsync();
        await run.ProcessAsync(from, 30);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await run.ProcessAsync(30);

        Assert.Equal(31, run.Processor!.Next);
        Assert.Equal(20, run.Processor.Status()[0].LearnedDraws);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 30_000_000);
    }

    [Fact]
    public async Task A_row_that_a_monitor_cannot_take_is_left_out_and_stops_nothing()
    {
        var records = Traffic.TwoModels(3000, 3000, seed: 9).ToList();
        for (var i = 0; i < 20; i++)
        {
            records.Insert(2000 + (i * 37), Traffic.Record(Traffic.Event("poison" + i, "alpha", [i % 2 == 0 ? PoisonKind.InScore : PoisonKind.InApply, 0, 0]), Traffic.StartNano + 20_000_000_000));
        }

        var outcomes = new List<Outcome>();
        foreach (var size in new[] { 256, 7 })
        {
            using var run = new Run(One(new WatchedMonitor { Name = "poisoned", Kind = "poison" }));
            await run.FillAsync(records);
            outcomes.Add(await run.WholeAsync(() => size));
            var status = run.Processor!.Status().Single();
            Assert.Equal(MonitorState.Armed, status.State);
            Assert.StartsWith("20 rows could not be scored", status.Reason, StringComparison.Ordinal);
            Assert.Equal(1500, status.Draws);
        }

        Assert.Equal(outcomes[0].Evidence, outcomes[1].Evidence);
    }

    [Fact]
    public async Task Bursts_of_one_client_are_one_draw()
    {
        // Each client sends eight equal-ish values within a second, then is silent for a minute.
        var random = new Random(7);
        var records = new List<LogRecord>();
        for (var burst = 0; burst < 1200; burst++)
        {
            var centre = Traffic.Normal(random);
            for (var i = 0; i < 8; i++)
            {
                records.Add(Traffic.Record(
                    Traffic.Event($"b{burst}-{i}", "alpha", [centre + (0.01f * Traffic.Normal(random))], "client-" + (burst % 12)),
                    Traffic.StartNano + (burst * 5_000_000_000L) + (i * 100_000_000L)));
            }
        }

        using var run = new Run(One(s_plain with { BudgetPeriod = TimeSpan.FromHours(10) }) with { Models = [Run.Model("alpha", true, s_plain with { BudgetPeriod = TimeSpan.FromHours(10) }) with { LearningDraws = 4800 }] });
        await run.FillAsync(records);
        await run.ProcessAsync(await run.StartAsync());

        var status = run.Processor!.Status()[0];
        Assert.Equal(MonitorState.Armed, status.State);
        Assert.InRange(status.Draws, 500, 700);
        Assert.Empty(run.Outcome().Findings);
    }

    private static MonitorGroupConfiguration One(WatchedMonitor monitor) => new() { Group = Run.GroupName, Models = [Run.Model("alpha", true, monitor)] };

    private static string Header(LogEntry entry, string name) => Encoding.UTF8.GetString(entry.Headers.Single(h => h.Name == name).Value.Span);
}
