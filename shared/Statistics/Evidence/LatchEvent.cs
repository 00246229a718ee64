namespace Monitoring.Statistics;

/// <summary>What an <see cref="AlarmLatch"/> saw.</summary>
public enum LatchEvent
{
    /// <summary>Nothing new.</summary>
    None,

    /// <summary>The level was reached while armed: one finding.</summary>
    Alarm,

    /// <summary>The level was reached again during the same alarm: no new finding, and calm starts to count anew.</summary>
    StillAlarmed,

    /// <summary>Calm for a whole window: armed again.</summary>
    Rearmed,
}
