using Monitoring.TestKit;

namespace Monitoring.EndToEnd.Tests.Kill;

/// <summary>On Kafka: librdkafka's mock cluster in this process, which outlives the product and is away for a while.</summary>
public sealed class KafkaKillTests : ProductKillTests, IDisposable
{
    private readonly MockKafkaCluster _cluster = new(memberTimeout: TimeSpan.FromSeconds(3));

    public KafkaKillTests() => ProductTopics.CreateAll(_cluster, Partitions);

    protected override string Log => $"{{ kind: kafka, partitions: 2, checkpointInterval: 500ms, kafka: {{ bootstrapServers: '{_cluster.BootstrapServers}', groupProtocol: consumer }} }}";

    public void Dispose() => _cluster.Dispose();

    protected override void SetAway(bool away) => _cluster.SetDown(away);
}
