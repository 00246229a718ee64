using Monitoring.Contracts;
using Monitoring.Detection.Tests.Support;

namespace Monitoring.Detection.Tests;

/// <summary>RUNTIME 4: a configuration takes effect at a checkpoint, and a restart finishes the old epoch with the old one.</summary>
public sealed class ConfigurationSwitchTests
{
    [Fact]
    public async Task Monitors_that_stay_keep_their_evidence_and_findings_name_the_configuration()
    {
        var (old, wanted) = Configurations();
        using var run = new Run(old);
        await run.FillAsync(Traffic.TwoModels(4500, 3000, seed: 21));
        await run.ProcessAsync(await run.StartAsync(), 2500);
        var before = Draws(run, "alpha", "inputs");
        run.Configuration = wanted;
        await run.ProcessAsync(2500);
        await run.Processor!.StopAsync(lost: false, TestContext.Current.CancellationToken);

        Assert.True(Draws(run, "alpha", "inputs") > before + 1000);
        Assert.Equal(MonitorState.Blind, run.Processor.Status().Single(s => s.Model == "alpha" && s.Monitor == "all").State);
        Assert.DoesNotContain(run.Processor.Status(), s => s.Model == "beta");
        var findings = run.Outcome().Findings;
        Assert.NotEmpty(findings);
        Assert.All(findings, f => Assert.Equal(f.Position.InputOffset < 2500 ? old.Sha256() : wanted.Sha256(), f.Provenance.ConfigurationSha256));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(1000)]
    public async Task Killed_while_switching_it_finishes_with_the_old_configuration_what_was_there(int appendsLeft)
    {
        var (old, wanted) = Configurations();
        var all = Traffic.TwoModels(4500, 2700, seed: 22).ToList();

        // Undisturbed: the old configuration up to 3,000, the new one after it.
        using var calm = new Run(old, checkpointRecords: 1_000_000);
        await calm.FillAsync(all);
        await calm.ProcessAsync(await calm.StartAsync(), 3000);
        calm.Configuration = wanted;
        await calm.ProcessAsync(3000);
        var expected = calm.Outcome();

        // Dies while it writes the checkpoint of the switch at 2,000, with 3,000 events in the log.
        using var run = new Run(old, checkpointRecords: 1_000_000);
        await run.FillAsync(all.Take(3000));
        await run.ProcessAsync(await run.StartAsync(), 2000);
        await run.Processor!.CheckpointAsync(TestContext.Current.CancellationToken);
        if (appendsLeft < 1000)
        {
            run.Configuration = wanted;
            run.Log.AppendsLeft = appendsLeft;
            await Assert.ThrowsAsync<KilledException>(() => run.ProcessAsync(2000, 2100));
            run.Log.AppendsLeft = null;
        }

        run.Configuration = wanted;
        await run.ProcessAsync(await run.StartAsync());
        await run.FillAsync(all.Skip(3000));
        await run.ProcessAsync(3000);

        Assert.Contains(expected.Findings, f => f.Position.InputOffset is > 2000 and < 3000);
        expected.AssertSame(run.Outcome());
    }

    private static long Draws(Run run, string model, string monitor) => run.Processor!.Status().Single(s => s.Model == model && s.Monitor == monitor).Draws;

    /// <summary>The second has other options for one monitor, which its learned profile does not fit, and lets a model go.</summary>
    private static (MonitorGroupConfiguration Old, MonitorGroupConfiguration Wanted) Configurations()
    {
        var old = Run.Default();
        var alpha = old.Models[0];
        var changed = alpha.Monitors[1] with { Options = new SortedDictionary<string, string> { ["strength"] = "2" } };
        return (old, old with { Models = [alpha with { Monitors = [alpha.Monitors[0], changed] }] });
    }
}
