using System.Collections.Concurrent;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging;
using Monitoring.EventLog.Kafka;
using Monitoring.TestKit;
using Monitoring.TestKit.Kafka;
using static Monitoring.EventLog.Compliance.LogHarness;

namespace Monitoring.EventLog.Compliance;

/// <summary>What brokers answer on bad days, on the TestKit's broker, which can be told to.</summary>
public sealed class KafkaFaultTests : IAsyncLifetime
{
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(90);
    private readonly KafkaBroker _broker = new(new KafkaBrokerOptions { InitialRebalanceDelay = TimeSpan.FromMilliseconds(200) });
    private readonly MessageList _messages = new();
    private readonly ILoggerFactory _loggers;
    private readonly KafkaHarness _harness;

    public KafkaFaultTests()
    {
        _loggers = LoggerFactory.Create(b => b.AddProvider(_messages).SetMinimumLevel(LogLevel.Debug));
        _harness = KafkaHarness.OnBroker(_broker, _loggers, new Dictionary<string, string> { ["topic.metadata.refresh.interval.ms"] = "500" });
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _harness.DisposeAsync();
        _loggers.Dispose();
    }

    [Fact]
    public async Task Answers_lost_on_the_way_make_no_record_twice()
    {
        var topic = await _harness.TopicAsync();
        await _harness.Log.AppendAsync(topic, Record("k", "0"), Cancel);
        for (var i = 1; i <= 10; i++)
        {
            if (i is 3 or 6)
            {
                _broker.LoseAnswers(KafkaApi.Produce, times: i / 3);
            }

            Assert.Equal(i, (await _harness.Log.AppendAsync(topic, Record("k", $"{i}"), Cancel)).Offset);
        }

        Assert.False(_broker.HasFailuresLeft);
        Assert.Equal(new OffsetRange(0, 11), await _harness.Log.GetOffsetsAsync(topic, 0, Cancel));
    }

    [Theory]
    [InlineData(KafkaError.NotLeaderOrFollower)]
    [InlineData(KafkaError.UnknownTopicOrPartition)]
    [InlineData(KafkaError.NotEnoughReplicas)]
    [InlineData(KafkaError.KafkaStorageError)]
    public async Task Appends_outlast_what_a_broker_says_in_passing(KafkaError error)
    {
        var topic = await _harness.TopicAsync();
        _broker.Fail(KafkaApi.Produce, error, times: 3);
        Assert.Equal(0, (await _harness.Log.AppendAsync(topic, Record("k", "0"), Cancel)).Offset);
        Assert.False(_broker.HasFailuresLeft);
    }

    [Fact]
    public async Task Sequence_numbers_that_do_not_follow_end_in_a_transient_error_and_a_new_producer()
    {
        var topic = await _harness.TopicAsync();
        await _harness.Log.AppendAsync(topic, Record("k", "0"), Cancel);
        _broker.Fail(KafkaApi.Produce, KafkaError.InvalidProducerEpoch);
        await AppendUntilAcceptedAsync(topic, "1");
        _broker.Fail(KafkaApi.Produce, KafkaError.OutOfOrderSequenceNumber);
        await AppendUntilAcceptedAsync(topic, "2");
        Assert.False(_broker.HasFailuresLeft);
        await using var member = await new RecordingMember().JoinAsync(_harness.Log, _harness.Group(), topic);
        await Eventually.TrueAsync(() => member.All.Count == 3, "every record is there once", s_long);
        Assert.Equal(["0", "1", "2"], member.Values);
    }

    [Theory]
    [InlineData(KafkaError.NotLeaderOrFollower)]
    [InlineData(KafkaError.UnknownTopicOrPartition)]
    [InlineData(KafkaError.LeaderNotAvailable)]
    public async Task Questions_for_offsets_and_times_are_asked_again(KafkaError error)
    {
        var topic = await _harness.TopicAsync();
        await _harness.Log.AppendAsync(topic, Record("k", "0"), Cancel);
        var time = await TimeOfAsync(topic);
        _broker.Fail(KafkaApi.ListOffsets, error, times: 5);
        Assert.Equal(0, await _harness.Log.FindOffsetAsync(topic, 0, time, Cancel));
        for (var times = 1; times <= 5; times++)
        {
            _broker.Fail(KafkaApi.ListOffsets, error, times);
            Assert.Equal(new OffsetRange(0, 1), await _harness.Log.GetOffsetsAsync(topic, 0, Cancel));
        }
    }

    [Theory]
    [InlineData(KafkaApi.CreateTopics, KafkaError.NotController)]
    [InlineData(KafkaApi.CreateTopics, KafkaError.RequestTimedOut)]
    [InlineData(KafkaApi.Metadata, KafkaError.LeaderNotAvailable)]
    [InlineData(KafkaApi.FindCoordinator, KafkaError.CoordinatorNotAvailable)]
    [InlineData(KafkaApi.JoinGroup, KafkaError.CoordinatorLoadInProgress)]
    [InlineData(KafkaApi.JoinGroup, KafkaError.NotCoordinator)]
    [InlineData(KafkaApi.SyncGroup, KafkaError.RebalanceInProgress)]
    [InlineData(KafkaApi.OffsetFetch, KafkaError.CoordinatorLoadInProgress)]
    [InlineData(KafkaApi.OffsetCommit, KafkaError.CoordinatorLoadInProgress)]
    [InlineData(KafkaApi.OffsetCommit, KafkaError.RebalanceInProgress)]
    [InlineData(KafkaApi.OffsetCommit, KafkaError.RequestTimedOut)]
    [InlineData(KafkaApi.Fetch, KafkaError.NotLeaderOrFollower)]
    [InlineData(KafkaApi.Fetch, KafkaError.UnknownLeaderEpoch)]
    public async Task A_group_outlasts_what_a_broker_says_in_passing(KafkaApi api, KafkaError error)
    {
        _broker.Fail(api, error, times: 2);
        var topic = await _harness.TopicAsync();
        await _harness.Log.AppendAsync(topic, [Record("k", "0"), Record("k", "1")], Cancel);
        var group = _harness.Group();
        await using (var member = await new RecordingMember().JoinAsync(_harness.Log, group, topic))
        {
            await Eventually.TrueAsync(() => member.All.Count >= 2, "the records arrive", s_long);
            Assert.Equal(["0", "1"], member.Values);
            Assert.False(member.Subscription.Completion.IsFaulted);
        }

        Assert.False(_broker.HasFailuresLeft);
        await _harness.Log.AppendAsync(topic, Record("k", "2"), Cancel);
        await using var next = await new RecordingMember().JoinAsync(_harness.Log, group, topic);
        await Eventually.TrueAsync(() => !next.All.IsEmpty, "the next member goes on", s_long);
        Assert.Equal(["2"], next.Values);
    }

    [Theory]
    [InlineData(KafkaError.IllegalGeneration)]
    [InlineData(KafkaError.UnknownMemberId)]
    public async Task A_member_that_the_group_has_forgotten_joins_again_and_nothing_is_skipped(KafkaError error)
    {
        var topic = await _harness.TopicAsync();
        _broker.Fail(KafkaApi.OffsetCommit, error);

        // Under its old name the broker counts it among the members until its session is over.
        await using var log = new KafkaEventLog(_harness.Options with { Properties = new Dictionary<string, string> { ["session.timeout.ms"] = "8000", ["heartbeat.interval.ms"] = "500" } }, TimeProvider.System, _loggers);
        await using var member = await new RecordingMember().JoinAsync(log, _harness.Group(), topic);
        await _harness.Log.AppendAsync(topic, [Record("k", "0"), Record("k", "1")], Cancel);
        await Eventually.TrueAsync(() => member.Processors.Count(p => p.Started) >= 2 && member.Running.Length == 1, "it has lost its partition and got it again", s_long);
        await _harness.Log.AppendAsync(topic, Record("k", "2"), Cancel);
        await Eventually.TrueAsync(() => member.Values.Contains("2"), "records go on arriving", s_long);
        Assert.Equal(["0", "1", "2"], member.Values.Distinct());
        Assert.False(member.Subscription.Completion.IsCompleted);
        Assert.True(member.Processors.First().StoppedLost);
    }

    [Fact]
    public async Task Commits_while_others_join_and_leave_end_no_subscription()
    {
        var topic = await _harness.TopicAsync(partitions: 4);
        var group = _harness.Group();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        await using var steady = await new RecordingMember().JoinAsync(await _harness.ConnectAsync(), group, topic);
        var sent = new ConcurrentBag<string>();
        var writing = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                await _harness.Log.AppendAsync(topic, Record($"k{i}", $"{i}"), Cancel);
                sent.Add($"{i}");
            }
        }, Cancel);
        var members = new List<RecordingMember> { steady };
        for (var round = 0; round < 3; round++)
        {
            await using var passing = await new RecordingMember().JoinAsync(await _harness.ConnectAsync(), group, topic);
            members.Add(passing);
            await Eventually.TrueAsync(() => passing.Running.Length == 2 && steady.Running.Length == 2, "both have two partitions", s_long);
            var before = steady.All.Count;
            await Eventually.TrueAsync(() => steady.All.Count > before && !passing.All.IsEmpty, "both get records", s_long);
        }

        await stop.CancelAsync();
        await writing;
        await Eventually.TrueAsync(() => sent.ToHashSet().SetEquals(members.SelectMany(m => m.Values)), "every record was processed", s_long);
        Assert.All(members, m => Assert.False(m.Subscription.Completion.IsFaulted));
        Assert.All(members.SelectMany(m => m.Processors), p => Assert.NotEqual(true, p.StoppedLost));
    }

    [Fact]
    public async Task A_broker_that_restarts_costs_time_and_no_record()
    {
        var topic = await _harness.TopicAsync();
        await using var member = await new RecordingMember().JoinAsync(_harness.Log, _harness.Group(), topic);
        for (var i = 0; i < 30; i++)
        {
            if (i is 10 or 20)
            {
                await _broker.RestartAsync();
            }

            await _harness.Log.AppendAsync(topic, Record("k", $"{i}"), Cancel);
        }

        await Eventually.TrueAsync(() => member.Values.Distinct().Count() == 30, "every record arrives", s_long);
        Assert.Equal(Enumerable.Range(0, 30).Select(i => $"{i}"), member.Values.Distinct());
        Assert.Equal(30, (await _harness.Log.GetOffsetsAsync(topic, 0, Cancel)).End);
        Assert.False(member.Subscription.Completion.IsCompleted);
    }

    [Fact]
    public async Task A_broker_away_at_the_start_is_waited_for()
    {
        var topic = await _harness.TopicAsync();
        await _broker.SetAway(true);
        await using var log = new KafkaEventLog(_harness.Options, TimeProvider.System, _loggers);
        var start = log.EnsureTopicAsync(new TopicDefinition(topic, 1), Cancel).AsTask();
        await Eventually.TrueAsync(() => _messages.Any(LogLevel.Warning, "no Kafka broker answers"), "the log says that Kafka is away", s_long);
        Assert.False(start.IsCompleted);
        await _broker.SetAway(false);
        await start.WaitAsync(s_long, Cancel);
        Assert.Equal(0, (await log.AppendAsync(topic, Record("k", "0"), Cancel)).Offset);
    }

    [Fact]
    public async Task Partitions_added_while_a_group_runs_end_it_with_an_error_that_says_so()
    {
        var topic = await _harness.TopicAsync(partitions: 2);
        await using var member = await new RecordingMember().JoinAsync(_harness.Log, _harness.Group(), topic);
        await Eventually.TrueAsync(() => member.Running.Length == 2, "it owns both", s_long);
        using var admin = _harness.Admin();
        await admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = topic, IncreaseTo = 3 }]);
        var error = await Assert.ThrowsAsync<TopicMismatchException>(() => member.Subscription.Completion.WaitAsync(s_long, Cancel));
        Assert.Contains("somebody added some", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_topic_that_is_deleted_ends_the_group_and_is_unknown_again()
    {
        var topic = await _harness.TopicAsync();
        await using var member = await new RecordingMember().JoinAsync(_harness.Log, _harness.Group(), topic);
        await Eventually.TrueAsync(() => member.Running.Length == 1, "it owns the partition", s_long);
        using var admin = _harness.Admin();
        await admin.DeleteTopicsAsync([topic]);
        await Assert.ThrowsAsync<UnknownTopicException>(() => member.Subscription.Completion.WaitAsync(s_long, Cancel));
        Assert.DoesNotContain(topic, _broker.Topics);
    }

    [Fact]
    public async Task Installations_with_prefixes_of_their_own_share_a_broker()
    {
        await using var a = new KafkaEventLog(_harness.Options with { TopicPrefix = "a.", GroupPrefix = "a." }, TimeProvider.System, _loggers);
        await using var b = new KafkaEventLog(_harness.Options with { TopicPrefix = "b.", GroupPrefix = "b." }, TimeProvider.System, _loggers);
        await a.EnsureTopicAsync(new TopicDefinition("t", 1), Cancel);
        await b.EnsureTopicAsync(new TopicDefinition("t", 2), Cancel);
        await a.AppendAsync("t", Record("k", "of a"), Cancel);
        await b.AppendAsync("t", Record("k", "of b", partition: 1), Cancel);
        await using var ofA = await new RecordingMember().JoinAsync(a, "g", "t");
        await using var ofB = await new RecordingMember().JoinAsync(b, "g", "t");
        await Eventually.TrueAsync(() => !ofA.All.IsEmpty && !ofB.All.IsEmpty, "both get theirs", s_long);
        Assert.Equal(["of a"], ofA.Values);
        Assert.Equal(("of b", "t"), (ofB.Values.Single(), ofB.All.Single().Topic));
        Assert.Equal(["a.t", "b.t"], _broker.Topics);
        Assert.Equal(["a.g", "b.g"], _broker.Groups.Where(g => g.Value > 0).Select(g => g.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_broker_with_default_settings_makes_no_topic_because_somebody_asked_for_it()
    {
        var name = $"compliance.{_harness.Run}.missing";
        await Assert.ThrowsAsync<UnknownTopicException>(async () => await _harness.Log.AppendAsync(name, Record("a", "1"), Cancel));
        await Assert.ThrowsAsync<UnknownTopicException>(async () => await new RecordingMember().JoinAsync(_harness.Log, _harness.Group(), name));
        Assert.Empty(_broker.Topics);
    }

    private async Task AppendUntilAcceptedAsync(string topic, string value)
    {
        while (true)
        {
            try
            {
                await _harness.Log.AppendAsync(topic, Record("k", value), Cancel);
                return;
            }
            catch (EventLogException e) when (e.IsTransient)
            {
                // As the publisher does: the same record again.
            }
        }
    }

    private async Task<long> TimeOfAsync(string topic)
    {
        await foreach (var entry in _harness.Log.ReadAsync(topic, 0, 0, 1, Cancel))
        {
            return entry.TimeUnixNano;
        }

        throw new InvalidOperationException("the topic is empty");
    }
}
