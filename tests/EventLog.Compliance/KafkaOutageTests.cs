using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.EventLog.Kafka;
using Monitoring.TestKit;
using static Monitoring.EventLog.Compliance.LogHarness;

namespace Monitoring.EventLog.Compliance;

/// <summary>Kafka away, changed, or never used: on librdkafka's mock cluster, whose brokers can be taken down.</summary>
public sealed class KafkaOutageTests : IDisposable
{
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(90);
    private readonly MockKafkaCluster _cluster = new();
    private readonly MessageList _messages = new();
    private readonly ILoggerFactory _loggers;

    public KafkaOutageTests() => _loggers = LoggerFactory.Create(b => b.AddProvider(_messages));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _loggers.Dispose();
        _cluster.Dispose();
    }

    [Fact]
    public async Task Brokers_away_in_the_middle_cost_time_and_no_record()
    {
        _cluster.CreateTopic("t", 1);
        await using var log = Open();
        await log.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel);
        await using var member = await new RecordingMember().JoinAsync(log, "g", "t");
        await log.AppendAsync("t", Record("k", "0"), Cancel);
        await Eventually.TrueAsync(() => member.All.Count == 1, "the first record arrives", s_long);

        _cluster.SetDown(true);
        var appends = Enumerable.Range(1, 20).Select(i => log.AppendAsync("t", Record("k", $"{i}"), Cancel).AsTask()).ToArray();
        await Eventually.TrueAsync(() => _messages.Any(LogLevel.Warning, "no Kafka broker answers"), "the log says that Kafka is away", s_long);
        Assert.DoesNotContain(appends, a => a.IsCompleted);
        _cluster.SetDown(false);

        await Task.WhenAll(appends).WaitAsync(s_long, Cancel);
        await Eventually.TrueAsync(() => member.All.Count >= 21, "all records arrive", s_long);
        Assert.Equal(Enumerable.Range(0, 21).Select(i => $"{i}"), member.Values.Distinct());
        Assert.False(member.Subscription.Completion.IsCompleted);
        Assert.Equal(21, (await log.GetOffsetsAsync("t", 0, Cancel)).End);
        Assert.True(_messages.Any(LogLevel.Information, "answers again"));
    }

    [Fact]
    public async Task Brokers_away_at_the_start_are_waited_for()
    {
        _cluster.CreateTopic("t", 1);
        _cluster.SetDown(true);
        await using var log = Open();
        var start = log.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel).AsTask();
        await Eventually.TrueAsync(() => _messages.Any(LogLevel.Warning, "no Kafka broker answers"), "the log says that Kafka is away", s_long);
        Assert.False(start.IsCompleted);
        _cluster.SetDown(false);
        await start.WaitAsync(s_long, Cancel);
        Assert.Equal(0, (await log.AppendAsync("t", Record("k", "0"), Cancel)).Offset);
    }

    [Fact]
    public async Task Waiting_for_brokers_can_be_cancelled()
    {
        _cluster.SetDown(true);
        await using var log = Open();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await log.GetPartitionCountAsync("t", patience.Token));
    }

    [Fact]
    public async Task Topic_with_another_number_of_partitions_is_a_clear_error()
    {
        _cluster.CreateTopic("t", 3);
        await using var log = Open();
        var error = await Assert.ThrowsAsync<TopicMismatchException>(async () => await log.EnsureTopicAsync(new TopicDefinition("t", 2), Cancel));
        Assert.Contains("3 partitions", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Log_that_is_never_used_loads_no_client()
    {
        var log = new KafkaEventLog(new KafkaEventLogOptions { BootstrapServers = "nowhere:9092", Properties = new Dictionary<string, string> { ["no.such.property"] = "1" } }, TimeProvider.System, NullLoggerFactory.Instance);
        await log.DisposeAsync();

        // The first use makes the client, which says what it does not like.
        await using var used = new KafkaEventLog(new KafkaEventLogOptions { BootstrapServers = "nowhere:9092", Properties = new Dictionary<string, string> { ["no.such.property"] = "1" } }, TimeProvider.System, NullLoggerFactory.Instance);
        var error = await Assert.ThrowsAsync<EventLogException>(async () => await used.GetPartitionCountAsync("t", Cancel));
        Assert.Contains("no.such.property", error.Message, StringComparison.Ordinal);
    }

    private KafkaEventLog Open() => new(
        new KafkaEventLogOptions { BootstrapServers = _cluster.BootstrapServers, GroupProtocol = KafkaGroupProtocol.Consumer, HandoverTimeout = TimeSpan.FromSeconds(2) },
        TimeProvider.System,
        _loggers);
}
