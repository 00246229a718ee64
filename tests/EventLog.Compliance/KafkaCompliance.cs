namespace Monitoring.EventLog.Compliance;

/// <summary>The suite on Kafka: the mock cluster, or a real broker.</summary>
public sealed class KafkaCompliance : EventLogCompliance
{
    protected override ValueTask<LogHarness> CreateAsync() => ValueTask.FromResult<LogHarness>(new KafkaHarness());
}
