using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace Monitoring.EventLog.Compliance;

/// <summary>What topics are asked to be; retention and compaction themselves are the broker's work. On the real broker where one is named, else on the TestKit's.</summary>
public sealed class KafkaTopicTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Topics_are_created_with_partitions_retention_compaction_and_append_time(bool compacted)
    {
        await using var harness = KafkaHarness.RealOrBroker();
        var topic = await harness.TopicAsync(3, compacted ? null : TimeSpan.FromHours(5), compacted ? null : 123_456_789, compacted);
        Assert.Equal(3, await harness.Log.GetPartitionCountAsync(topic, Cancel));

        var settings = await SettingsAsync(harness, topic);
        Assert.Equal("LogAppendTime", settings["message.timestamp.type"]);
        Assert.Equal(compacted ? "compact" : "delete", settings["cleanup.policy"]);
        Assert.Equal("1048588", settings["max.message.bytes"]);

        // Only closed segments are retired and compacted.
        Assert.Equal("3600000", settings["segment.ms"]);
        Assert.Equal(compacted ? "67108864" : "16777216", settings["segment.bytes"]);
        if (!compacted)
        {
            Assert.Equal("18000000", settings["retention.ms"]);
            Assert.Equal("123456789", settings["retention.bytes"]);
        }
    }

    [Fact]
    public async Task A_longer_retention_is_set_and_a_shorter_one_removes_nothing()
    {
        await using var harness = KafkaHarness.RealOrBroker();
        var topic = await harness.TopicAsync(1, TimeSpan.FromHours(5), 1_000_000_000);
        await using var later = await harness.ConnectAsync();
        await later.EnsureTopicAsync(new TopicDefinition(topic, 1, TimeSpan.FromHours(6), 500_000_000), Cancel);
        var settings = await SettingsAsync(harness, topic);
        Assert.Equal(("21600000", "1000000000"), (settings["retention.ms"], settings["retention.bytes"]));

        await later.EnsureTopicAsync(new TopicDefinition(topic, 1), Cancel);
        settings = await SettingsAsync(harness, topic);
        Assert.Equal(("-1", "-1"), (settings["retention.ms"], settings["retention.bytes"]));
    }

    [Theory]
    [InlineData("cleanup.policy", "compact", false)]
    [InlineData("cleanup.policy", "delete", true)]
    [InlineData("cleanup.policy", "compact,delete", true)]
    [InlineData("message.timestamp.type", "CreateTime", false)]
    public async Task A_topic_of_somebody_else_that_would_lose_or_misdate_records_is_refused(string setting, string value, bool compacted)
    {
        await using var harness = KafkaHarness.RealOrBroker();
        var topic = await harness.TopicAsync(1, compacted: compacted);
        using var admin = harness.Admin();
        var resource = new ConfigResource { Type = ResourceType.Topic, Name = topic };
        List<ConfigEntry> entries = [new() { Name = setting, Value = value, IncrementalOperation = AlterConfigOpType.Set }];
        await admin.IncrementalAlterConfigsAsync(new Dictionary<ConfigResource, List<ConfigEntry>> { [resource] = entries });
        await TestKit.Eventually.TrueAsync(async () => (await SettingsAsync(harness, topic))[setting] == value, "the broker has the setting");

        await using var later = await harness.ConnectAsync();
        var error = await Assert.ThrowsAsync<TopicMismatchException>(async () => await later.EnsureTopicAsync(new TopicDefinition(topic, 1, Compacted: compacted), Cancel));
        Assert.Contains($"{setting}={value}", error.Message, StringComparison.Ordinal);
        Assert.Contains("kafka-configs.sh", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_impossible_replication_factor_is_a_clear_error()
    {
        await using var harness = KafkaHarness.RealOrBroker();
        await using var log = new Kafka.KafkaEventLog(harness.Options with { ReplicationFactor = 9 }, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
        var error = await Assert.ThrowsAsync<EventLogException>(async () => await log.EnsureTopicAsync(new TopicDefinition($"compliance.{harness.Run}.copies", 1), Cancel));
        Assert.False(error.IsTransient);
        Assert.Contains("InvalidReplicationFactor", error.Message, StringComparison.Ordinal);
    }

    private static async Task<Dictionary<string, string>> SettingsAsync(KafkaHarness harness, string topic)
    {
        using var admin = harness.Admin();
        var described = await admin.DescribeConfigsAsync([new ConfigResource { Type = ResourceType.Topic, Name = topic }]);
        return described[0].Entries.ToDictionary(e => e.Key, e => e.Value.Value, StringComparer.Ordinal);
    }
}
