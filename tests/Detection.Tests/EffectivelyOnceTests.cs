using Monitoring.Contracts;
using Monitoring.Detection.Tests.Support;
using Monitoring.EventLog;

namespace Monitoring.Detection.Tests;

/// <summary>RUNTIME 7, lines 9 and 10: whatever happens to owners, the same canonical bytes of findings and evidence, or the named finding.</summary>
public sealed class EffectivelyOnceTests
{
    private const int Events = 4500;
    private const int ChangeAt = 3000;

    [Fact]
    public async Task Undisturbed_run_learns_arms_and_finds_the_change()
    {
        using var run = new Run();
        await run.FillAsync(Traffic.TwoModels(Events, ChangeAt, seed: 1));

        var outcome = await run.WholeAsync();

        var found = Assert.Single(outcome.Findings, f => f.Monitor == "inputs" && f.Position.InputOffset >= ChangeAt);
        Assert.Equal("alpha", found.Model);
        Assert.Equal("x[0]", found.Variable);
        Assert.InRange(found.Position.InputOffset, ChangeAt + 20, ChangeAt + 400);
        Assert.InRange(found.SinceOffset, ChangeAt - 150, found.Position.InputOffset);
        Assert.True(found.LogEvidence >= found.LogLevel);
        Assert.InRange(found.Effect.Size, 0.3, 2.5);
        Assert.Equal(1, found.Coverage);
        Assert.NotEmpty(found.SampleEventIds);
        Assert.Equal(32, found.Id.Length);
        Assert.Equal(64, found.Provenance.ProfileSha256.Length);
        Assert.DoesNotContain(outcome.Findings, f => f.Model == "beta");
        Assert.Contains(outcome.Findings, f => f.Monitor == "all" && f.Summary == "x1 is above 3");
        Assert.Contains(outcome.Findings, f => f.Monitor == "all" && f.Client.Length > 0 && f.Measures.Any(m => m.Name == "rows"));
    }

    [Fact]
    public async Task Batches_and_threads_do_not_show()
    {
        using var one = new Run();
        await one.FillAsync(Traffic.TwoModels(Events, ChangeAt, seed: 2));
        var expected = await one.WholeAsync();

        foreach (var parallelism in new[] { 1, 2 })
        {
            using var other = new Run(parallelism: parallelism, checkpointRecords: 137);
            await other.FillAsync(Traffic.TwoModels(Events, ChangeAt, seed: 2));
            var random = new Random(parallelism);
            expected.AssertSame(await other.WholeAsync(() => random.Next(1, 200)));
        }

        Assert.NotEmpty(expected.Findings);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Killed_at_random_moments(int seed)
    {
        using var calm = new Run();
        await calm.FillAsync(Traffic.TwoModels(Events, ChangeAt, seed));
        var expected = await calm.WholeAsync();

        using var run = new Run();
        await run.FillAsync(Traffic.TwoModels(Events, ChangeAt, seed));
        expected.AssertSame(await run.KilledAsync(seed));
    }

    [Fact]
    public async Task Rebalanced_while_running()
    {
        using var calm = new Run();
        await calm.FillAsync(Traffic.TwoModels(Events, ChangeAt, seed: 6));
        var expected = await calm.WholeAsync();

        using var run = new Run();
        await run.FillAsync(Traffic.TwoModels(Events, ChangeAt, seed: 6));
        var from = await run.StartAsync();
        foreach (var (to, lost) in new[] { (700L, false), (1500L, true), (2900L, false), (3100L, true) })
        {
            await run.ProcessAsync(from, to);
            await run.Processor!.StopAsync(lost, TestContext.Current.CancellationToken);
            from = await run.StartAsync();
            Assert.True(lost ? from <= to : from == to);
        }

        await run.ProcessAsync(from);
        expected.AssertSame(run.Outcome());
    }

    [Fact]
    public async Task A_stalled_owner_that_writes_late_changes_nothing()
    {
        using var calm = new Run();
        await calm.FillAsync(Traffic.TwoModels(Events, ChangeAt, seed: 7));
        var expected = await calm.WholeAsync();

        using var run = new Run(checkpointRecords: 1_000_000);
        await run.FillAsync(Traffic.TwoModels(Events, ChangeAt, seed: 7));
        await run.ProcessAsync(await run.StartAsync(), 1200);
        var (stalled, owner) = (run.Processor!, run.LastOwner!);
        await stalled.CheckpointAsync(TestContext.Current.CancellationToken);
        await run.ProcessAsync(1200, 1800);

        // The new owner goes on from 1,200 and writes; then the old one's checkpoint at 1,800 lands, manifest and all.
        var from = await run.StartAsync();
        Assert.Equal(1200, from);
        await run.ProcessAsync(from, 2600);
        await run.Processor!.CheckpointAsync(TestContext.Current.CancellationToken);
        await stalled.CheckpointAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1800, owner.Committed);

        from = await run.StartAsync();
        Assert.Equal(2600, from);
        await run.ProcessAsync(from);
        expected.AssertSame(run.Outcome());
    }

    [Fact]
    public async Task A_fenced_owner_writes_nothing_and_the_next_one_finds_the_same()
    {
        using var calm = new Run();
        await calm.FillAsync(Traffic.TwoModels(Events, ChangeAt, seed: 8));
        var expected = await calm.WholeAsync();

        using var run = new Run(checkpointRecords: 100);
        await run.FillAsync(Traffic.TwoModels(Events, ChangeAt, seed: 8));
        await run.ProcessAsync(await run.StartAsync(), 2000);
        run.LastOwner!.Fenced = true;
        var committed = run.LastOwner.Committed;
        var findings = run.Log.Entries(Topics.Findings).Count;
        await run.ProcessAsync(2000, 3600);
        Assert.Equal(committed, run.LastOwner.Committed);
        Assert.Equal(findings, run.Log.Entries(Topics.Findings).Count);

        await run.ProcessAsync(await run.StartAsync());
        expected.AssertSame(run.Outcome());
    }

    [Fact]
    public async Task A_closed_incident_arms_its_monitors_again_from_its_place_in_the_log()
    {
        using var silent = new Run();
        var records = Traffic.TwoModels(Events, 2000, seed: 13).ToList();
        await silent.FillAsync(records);
        var once = Assert.Single((await silent.WholeAsync()).Findings, f => f.Monitor == "inputs");
        var at = (int)once.Position.InputOffset + 300;
        records.InsertRange(at, new RearmRequest("alpha", Family.Drift, "", "inc-1", "ann").ToRecords(1, DateTimeOffset.UnixEpoch));
        using var calm = new Run();
        await calm.FillAsync(records);
        var expected = await calm.WholeAsync();

        // The change still lasts: closed, it is found again. Monitors of the other family and the other model are not concerned.
        var found = expected.Findings.Where(f => f.Monitor == "inputs").ToList();
        Assert.Equal(2, found.Count);
        Assert.InRange(found[1].Position.InputOffset, at + 1, at + 600);
        Assert.InRange(found[1].SinceOffset, at + 1, found[1].Position.InputOffset);
        var others = silent.Outcome().Findings.Where(f => f.Monitor == "all").Select(f => f.Position.InputOffset).ToList();
        Assert.Equal(others, expected.Findings.Where(f => f.Monitor == "all").Select(f => f.Position.InputOffset > at ? f.Position.InputOffset - 1 : f.Position.InputOffset));

        using var run = new Run(checkpointRecords: 97);
        await run.FillAsync(records);
        expected.AssertSame(await run.KilledAsync(14));
    }

    [Fact]
    public async Task A_closed_incident_about_a_client_arms_that_client_again()
    {
        // One client of "everything" sends high values; closing its incident lets it be found again, closing another's does not.
        var records = Traffic.TwoModels(Events, 1500, seed: 15, shift: 2).ToList();
        using var silent = new Run();
        await silent.FillAsync(records);
        var before = (await silent.WholeAsync()).Findings.Where(f => f.Client.Length > 0 && f.Variable == "x0 of a client").ToList();
        Assert.NotEmpty(before);
        var first = before[0];
        var at = (int)first.Position.InputOffset + 200;
        records.InsertRange(at, new RearmRequest("alpha", Family.Extraction, first.Client, "inc-2", "ann").ToRecords(1, DateTimeOffset.UnixEpoch));
        using var run = new Run();
        await run.FillAsync(records);
        var after = (await run.WholeAsync()).Findings.Where(f => f.Client.Length > 0 && f.Variable == "x0 of a client").ToList();

        Assert.True(after.Count(f => f.Client == first.Client) > before.Count(f => f.Client == first.Client));
        Assert.Equal(before.Count(f => f.Client != first.Client), after.Count(f => f.Client != first.Client));
    }

    [Fact]
    public async Task A_torn_checkpoint_does_not_exist()
    {
        using var run = new Run(checkpointRecords: 1_000_000);
        await run.FillAsync(Traffic.TwoModels(Events, ChangeAt, seed: 9));
        await run.ProcessAsync(await run.StartAsync(), 1000);
        await run.Processor!.CheckpointAsync(TestContext.Current.CancellationToken);
        await run.ProcessAsync(1000, 2000);
        var state = Topics.State(Run.GroupName);
        var written = 0;
        run.Log.DieAt = (topic, _) => topic == state && ++written > 4;
        await Assert.ThrowsAsync<KilledException>(async () => await run.Processor.CheckpointAsync(TestContext.Current.CancellationToken));
        run.Log.DieAt = null;

        Assert.Equal(1000, await run.StartAsync());
    }

    [Fact]
    public async Task Events_lost_to_retention_are_counted_and_named()
    {
        using var run = new Run(checkpointRecords: 1_000_000);
        await run.FillAsync(Traffic.TwoModels(Events, Events, seed: 10));
        await run.ProcessAsync(await run.StartAsync(), 2000);
        await run.Processor!.StopAsync(lost: false, TestContext.Current.CancellationToken);
        run.Log.Retire(Topics.InferenceEvents, 0, 2600);

        var from = await run.StartAsync();
        Assert.Equal(2600, from);
        await run.ProcessAsync(from);

        var lost = Assert.Single(run.Outcome().Findings, f => f.Family == Family.Pipeline);
        Assert.Equal(600, lost.Events);
        Assert.Equal((2000, 2599), (lost.SinceOffset, lost.Position.InputOffset));
        Assert.StartsWith("data lost to retention", lost.Summary, StringComparison.Ordinal);
        Assert.Equal(Severity.Harm, lost.Severity);
    }

    [Fact]
    public async Task Partitions_added_is_an_error_that_names_the_remedy()
    {
        using var run = new Run();
        await run.FillAsync(Traffic.TwoModels(600, 600, seed: 11));
        await run.ProcessAsync(await run.StartAsync());
        await run.Processor!.StopAsync(lost: false, TestContext.Current.CancellationToken);

        // The state topic was grown along with its input, as a person would do it by hand.
        using var grown = new Run { Partitions = 2 };
        await grown.FillAsync([]);
        await grown.Log.EnsureTopicAsync(new TopicDefinition(Topics.State(Run.GroupName), 2, Compacted: true), TestContext.Current.CancellationToken);
        foreach (var entry in run.Log.Entries(Topics.State(Run.GroupName)))
        {
            await grown.Log.AppendAsync(Topics.State(Run.GroupName), new LogRecord(entry.Key, entry.Value, entry.Headers, 0), TestContext.Current.CancellationToken);
        }

        var error = await Assert.ThrowsAsync<StateMismatchException>(() => grown.StartAsync());
        Assert.Contains("2 partitions", error.Message, StringComparison.Ordinal);
        Assert.Contains("delete topic monitoring.state.test", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task State_beyond_the_logs_end_is_an_error_that_names_the_remedy()
    {
        using var run = new Run();
        await run.FillAsync(Traffic.TwoModels(600, 600, seed: 12));
        await run.ProcessAsync(await run.StartAsync());
        await run.Processor!.StopAsync(lost: false, TestContext.Current.CancellationToken);

        using var replaced = new Run();
        await replaced.FillAsync(Traffic.TwoModels(100, 100, seed: 12));
        await replaced.Log.EnsureTopicAsync(new TopicDefinition(Topics.State(Run.GroupName), 1, Compacted: true), TestContext.Current.CancellationToken);
        foreach (var entry in run.Log.Entries(Topics.State(Run.GroupName)))
        {
            await replaced.Log.AppendAsync(Topics.State(Run.GroupName), new LogRecord(entry.Key, entry.Value, entry.Headers, 0), TestContext.Current.CancellationToken);
        }

        var error = await Assert.ThrowsAsync<StateMismatchException>(() => replaced.StartAsync());
        Assert.Contains("stands at offset 600", error.Message, StringComparison.Ordinal);
    }
}
