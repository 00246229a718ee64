namespace Monitoring.EventLog.Compliance;

/// <summary>The suite on Kafka: the real broker where one is named, else librdkafka's mock cluster.</summary>
public sealed class KafkaCompliance : EventLogCompliance
{
    protected override ValueTask<LogHarness> CreateAsync() => ValueTask.FromResult<LogHarness>(KafkaHarness.RealOrMock());
}
