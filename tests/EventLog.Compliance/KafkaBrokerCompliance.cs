namespace Monitoring.EventLog.Compliance;

/// <summary>The suite on the broker of the TestKit, with the classic protocol and what a broker takes its time for; nothing is skipped.</summary>
public sealed class KafkaBrokerCompliance : EventLogCompliance
{
    protected override ValueTask<LogHarness> CreateAsync() => ValueTask.FromResult<LogHarness>(KafkaHarness.OnBroker());
}
