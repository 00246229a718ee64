namespace Monitoring.EndToEnd.Tests.Kill;

/// <summary>On the embedded log, which dies with the process.</summary>
public sealed class EmbeddedKillTests : ProductKillTests
{
    protected override string Log => "{ partitions: 2, checkpointInterval: 500ms }";

    protected override void SetAway(bool away)
    {
    }
}
