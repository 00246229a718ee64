namespace Monitoring.EventLog.Compliance;

/// <summary>The suite on the embedded log.</summary>
public sealed class EmbeddedCompliance : EventLogCompliance
{
    protected override ValueTask<LogHarness> CreateAsync() => ValueTask.FromResult<LogHarness>(new EmbeddedHarness());
}
