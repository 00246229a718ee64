using Monitoring.Contracts;
using Monitoring.Detection.Tests.Support;
using Monitoring.EventLog;

namespace Monitoring.Detection.Tests;

/// <summary>RUNTIME 5: a new version keeps the input profile, learns its answers, and its switch is marked and does not alarm.</summary>
public sealed class NewVersionTests
{
    private const int First = 1500;
    private const int Second = 3000;

    private static readonly MonitorGroupConfiguration s_configuration = new()
    {
        Group = Run.GroupName,
        Models = [Run.Model("alpha", true, new WatchedMonitor { Name = "both", Kind = "version", BudgetPeriod = TimeSpan.FromMinutes(60) })],
    };

    [Fact]
    public async Task Its_inputs_are_watched_from_the_first_event_and_other_answers_are_no_alarm()
    {
        // Version 2 answers quite differently. Its inputs stay as they are, for a while.
        using var calm = new Run(s_configuration);
        await calm.FillAsync(Events(inputsChangeAt: int.MaxValue));
        var quiet = await calm.WholeAsync();
        Assert.Empty(quiet.Findings);
        var status = Assert.Single(calm.Processor!.Status(), s => s.Version == "2");
        Assert.Equal((MonitorState.Armed, ""), (status.State, status.Reason));
        Assert.NotEqual(status.ProfileSha256, calm.Processor.Status().Single(s => s.Version == "1").ProfileSha256);
        var kept = calm.Profiles.Load("alpha", "2", status.ProfileSha256);
        var earlier = calm.Profiles.Load("alpha", "1", calm.Processor.Status().Single(s => s.Version == "1").ProfileSha256);
        Assert.Equal(earlier.Monitors[0].Variables[0].Mean, kept.Monitors[0].Variables[0].Mean);
        Assert.InRange(kept.Monitors[0].Variables[1].Mean, 4.8, 5.2);
        Assert.Contains("inputs of version 1", kept.Origin, StringComparison.Ordinal);

        // They change before the answers are learned: found all the same, by the profile of version 1.
        using var run = new Run(s_configuration);
        await run.FillAsync(Events(inputsChangeAt: First + 150));
        await run.ProcessAsync(await run.StartAsync(), First + 100);
        status = Assert.Single(run.Processor!.Status(), s => s.Version == "2");
        Assert.Equal(MonitorState.Armed, status.State);
        Assert.Contains("inputs by the profile of version 1; answers are being learned (100 of 500)", status.Reason, StringComparison.Ordinal);
        await run.ProcessAsync(First + 100, First + 450);
        var found = Assert.Single(run.Outcome().Findings);
        Assert.Equal(("2", "input"), (found.ModelVersion, found.Variable));
        Assert.InRange(found.Position.InputOffset, First + 150, First + 450);
    }

    [Fact]
    public async Task Its_first_event_is_a_marked_change()
    {
        using var run = new Run(s_configuration);
        await run.FillAsync(Events(inputsChangeAt: int.MaxValue));
        await run.WholeAsync();

        var change = Change.Parser.ParseFrom(Assert.Single(run.Log.Entries(Topics.Changes)).Value!.Value.Span);
        Assert.Equal(("alpha", "deployment"), (change.Model, change.Kind));
        Assert.Contains("version 2", change.Summary, StringComparison.Ordinal);
        Assert.Equal(Traffic.StartNano + (First * 10_000_000L), change.TimeUnixNano);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Batches_and_kills_do_not_show(int seed)
    {
        using var calm = new Run(s_configuration);
        await calm.FillAsync(Events(inputsChangeAt: First + 350));
        var expected = await calm.WholeAsync();
        Assert.NotEmpty(expected.Findings);

        using var run = new Run(s_configuration, checkpointRecords: 97);
        await run.FillAsync(Events(inputsChangeAt: First + 350));
        expected.AssertSame(await run.KilledAsync(seed, mostAppends: 40));
        Assert.Single(run.Log.Entries(Topics.Changes).Select(e => Change.Parser.ParseFrom(e.Value!.Value.Span).Id).Distinct(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_version_with_other_inputs_learns_everything()
    {
        using var run = new Run(s_configuration);
        var records = Events(inputsChangeAt: int.MaxValue).Take(First).ToList();
        for (var i = First; i < First + 50; i++)
        {
            records.Add(Traffic.Record(Traffic.Event("e" + i, "alpha", [i, 1, 2, 3], version: "2"), Traffic.StartNano + (i * 10_000_000L)));
        }

        await run.FillAsync(records);
        await run.ProcessAsync(await run.StartAsync());
        var status = Assert.Single(run.Processor!.Status(), s => s.Version == "2");
        Assert.Equal((MonitorState.Learning, 50), (status.State, status.LearnedDraws));
    }

    /// <summary>Version 1, then version 2, whose answers are others.</summary>
    private static IEnumerable<LogRecord> Events(int inputsChangeAt)
    {
        var random = new Random(21);
        for (var i = 0; i < Second; i++)
        {
            var second = i >= First;
            var inference = Traffic.Event("e" + i, "alpha", [Traffic.Normal(random) + (i >= inputsChangeAt ? 2 : 0), Traffic.Normal(random)], version: second ? "2" : "1");
            inference.Outputs.Clear();
            inference.Outputs.Add(Traffic.Tensor("y", [1, 1], [Traffic.Normal(random) + (second ? 5 : 0)]));
            yield return Traffic.Record(inference, Traffic.StartNano + (i * 10_000_000L));
        }
    }
}
