using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace Monitoring.EventLog.Compliance;

/// <summary>What a created topic is asked to be; retention and compaction themselves are the broker's work.</summary>
public sealed class KafkaTopicTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Topics_are_created_with_partitions_retention_compaction_and_append_time(bool compacted)
    {
        await using var harness = new KafkaHarness();
        Assert.SkipWhen(harness.WithoutTopicCreation is not null, harness.WithoutTopicCreation ?? "");
        var topic = await harness.TopicAsync(3, compacted ? null : TimeSpan.FromHours(5), compacted ? null : 123_456_789, compacted);
        Assert.Equal(3, await harness.Log.GetPartitionCountAsync(topic, TestContext.Current.CancellationToken));

        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = harness.Options.BootstrapServers }).Build();
        var described = await admin.DescribeConfigsAsync([new ConfigResource { Type = ResourceType.Topic, Name = topic }]);
        var settings = described[0].Entries;
        Assert.Equal("LogAppendTime", settings["message.timestamp.type"].Value);
        Assert.Equal(compacted ? "compact" : "delete", settings["cleanup.policy"].Value);
        if (!compacted)
        {
            Assert.Equal("18000000", settings["retention.ms"].Value);
            Assert.Equal("123456789", settings["retention.bytes"].Value);
        }
    }
}
