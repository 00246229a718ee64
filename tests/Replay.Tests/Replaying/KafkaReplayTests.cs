using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Drift;
using Monitoring.EventLog;
using Monitoring.EventLog.Kafka;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Replay.Replaying;
using Monitoring.Replay.Tests.Search;
using Monitoring.TestKit;

namespace Monitoring.Replay.Tests.Replaying;

/// <summary>The same records on Kafka (librdkafka's mock cluster, its real protocol) and in memory: replayed twice on each, byte for byte the same findings.</summary>
public sealed class KafkaReplayTests
{
    private const int Events = 3000;
    private static readonly IServiceModule[] s_modules = [new DriftModule(), new ReplayModule()];

    [Fact]
    public async Task Two_replays_from_Kafka_are_identical_and_equal_those_of_another_log_with_the_same_records()
    {
        using var directory = new TemporaryDirectory();
        using var cluster = new MockKafkaCluster();
        cluster.CreateTopic(Topics.InferenceEvents, 2);
        await using var kafka = new KafkaEventLog(new KafkaEventLogOptions { BootstrapServers = cluster.BootstrapServers, GroupProtocol = KafkaGroupProtocol.Consumer }, TimeProvider.System, NullLoggerFactory.Instance);
        var memory = new MemoryLog();
        await memory.EnsureTopicAsync(new TopicDefinition(Topics.InferenceEvents, 2), TestContext.Current.CancellationToken);
        await memory.EnsureTopicAsync(new TopicDefinition(Topics.Findings, 2), TestContext.Current.CancellationToken);
        var random = new Random(7);
        var records = Enumerable.Range(0, Events).Select(i => Record(i, Calls.Event($"e{i}", "m", $"c{i}", [[ReplayTests.Gaussian(random) + (i < 2 * Events / 3 ? 0 : 2), ReplayTests.Gaussian(random)]], [[0.5f, 0.5f]]))).ToList();
        foreach (var chunk in records.Chunk(500))
        {
            await kafka.AppendAsync(Topics.InferenceEvents, chunk, TestContext.Current.CancellationToken);
            await memory.AppendAsync(Topics.InferenceEvents, chunk, TestContext.Current.CancellationToken);
        }

        // The log time of a record is the carried one on every log.
        for (var p = 0; p < 2; p++)
        {
            var partition = memory.Partition(Topics.InferenceEvents, p);
            for (var i = 0; i < partition.Count; i++)
            {
                partition[i] = partition[i] with { TimeUnixNano = long.Parse(Encoding.UTF8.GetString(partition[i].Headers.Single(h => h.Name == Headers.LogTime).Value.Span), CultureInfo.InvariantCulture) };
            }
        }

        var config = await ReplayTests.WriteAsync(directory, "monitoring.yaml", "");
        await using var host = MonitoringHost.Build(CheckVerb.Load(config, s_modules), s_modules);
        var runs = new List<ReplayResult>();
        foreach (var source in new IEventLog[] { kafka, kafka, memory, memory })
        {
            using var plan = await ReplayPlan.CreateAsync(host.Services, host.Services.GetRequiredService<LoadedConfiguration>(), directory.File("none"), new HashSet<string>(), refit: false, TestContext.Current.CancellationToken);
            var runner = new ReplayRunner(source, host.Services.GetRequiredService<MonitorKinds>(), BuildIdentity.Current(), TimeProvider.System);
            runs.Add(await runner.RunAsync(plan.Groups, 0, long.MaxValue, TestContext.Current.CancellationToken));
        }

        Assert.True(runs[0].Findings.Count > 0, "the change is found");
        Assert.All(runs, r => Assert.Equal((Events, runs[0].Sha256), (r.Events, r.Sha256)));
    }

    private static LogRecord Record(int number, InferenceEvent call)
    {
        var record = Calls.Record(call, number % 2);
        var time = (1_700_000_000_000_000_000 + (number * 100_000_000L)).ToString(CultureInfo.InvariantCulture);
        return record with { Headers = [.. record.Headers, new LogHeader(Headers.LogTime, Encoding.UTF8.GetBytes(time))] };
    }
}
