using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.Detection.Tests.Support;
using Monitoring.EventLog;
using Monitoring.EventLog.Embedded;
using Monitoring.TestKit;

namespace Monitoring.Detection.Tests;

/// <summary>The group as it runs in the product, on the embedded log, against the same events in memory.</summary>
public sealed class EmbeddedLogTests
{
    private const int Events = 3000;

    [Fact]
    public async Task Members_that_come_and_go_find_the_same_as_one_in_memory()
    {
        var records = Traffic.TwoModels(Events, 2000, seed: 31).ToList();
        using var memory = new Run();
        await memory.FillAsync(records);
        var expected = await memory.WholeAsync();
        Assert.NotEmpty(expected.Findings);

        using var folder = new TemporaryDirectory();
        await using var provider = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var kinds = new MonitorKinds([new PlainKind(), new EverythingKind()]);
        for (var part = 0; part < 3; part++)
        {
            // Opened anew each time: what a restart of the process finds.
            await using var log = EmbeddedEventLog.Open(new EmbeddedEventLogOptions { Directory = folder.File("log") }, TimeProvider.System, NullLoggerFactory.Instance);
            await log.EnsureTopicAsync(new TopicDefinition(Topics.InferenceEvents, 1), TestContext.Current.CancellationToken);
            await log.EnsureTopicAsync(new TopicDefinition(Topics.Findings, 1), TestContext.Current.CancellationToken);
            using var metrics = new DetectionMetrics(provider.GetRequiredService<IMeterFactory>());
            MonitorGroup Member() => new(
                log, kinds, new ProfileStore(folder.File("profiles"), TimeProvider.System), memory.Configuration,
                new MonitorGroupOptions { CheckpointRecords = 200, MaxBatch = 100 }, new BuildIdentity("test", "none", "test"), metrics, TimeProvider.System, NullLogger<MonitorGroup>.Instance);

            await using var first = Member();
            await first.StartAsync(TestContext.Current.CancellationToken);
            await log.AppendAsync(Topics.InferenceEvents, records.Slice(part * 1000, 500), TestContext.Current.CancellationToken);
            await Eventually.TrueAsync(() => Consumed(part * 1000 + 200, log), "the first member works", TimeSpan.FromSeconds(60));

            await using var second = Member();
            await second.StartAsync(TestContext.Current.CancellationToken);
            await log.AppendAsync(Topics.InferenceEvents, records.Slice((part * 1000) + 500, 500), TestContext.Current.CancellationToken);
            await first.DisposeAsync();
            var end = (part + 1) * 1000;

            // Applied, not yet in a checkpoint as a rule: leaving writes one of all that was applied.
            await Eventually.TrueAsync(() => second.Progress().Values.Any(p => p.NextOffset == end), "the second member reaches the end", TimeSpan.FromSeconds(60));
            Assert.False(second.Completion.IsFaulted);
            await second.DisposeAsync();
            Assert.Equal(end, await ResumeOffsetAsync(log));
        }

        await using var after = EmbeddedEventLog.Open(new EmbeddedEventLogOptions { Directory = folder.File("log") }, TimeProvider.System, NullLoggerFactory.Instance);
        var findings = new SortedDictionary<(long, int), string>();
        await foreach (var entry in after.ReadAsync(Topics.Findings, 0, 0, long.MaxValue, TestContext.Current.CancellationToken))
        {
            var bytes = entry.Value!.Value.ToArray();
            var position = Finding.Parser.ParseFrom(bytes).Position;
            findings[(position.InputOffset, position.Ordinal)] = Convert.ToHexString(bytes);
        }

        Assert.Equal(expected.FindingBytes, string.Join('\n', findings.Values));
    }

    /// <summary>Checkpoints say how far the group is; every 200 records or when a member leaves.</summary>
    private static async ValueTask<bool> Consumed(long offset, IEventLog log) => await ResumeOffsetAsync(log) >= offset;

    private static async Task<long> ResumeOffsetAsync(IEventLog log)
    {
        var state = Topics.State(Run.GroupName);
        try
        {
            await log.GetPartitionCountAsync(state, TestContext.Current.CancellationToken);
        }
        catch (UnknownTopicException)
        {
            return -1;
        }

        var restored = await new CheckpointLog(log, Run.GroupName, 0, 1).RestoreAsync(1, TestContext.Current.CancellationToken);
        return restored.Manifest?.ResumeOffset ?? -1;
    }
}
