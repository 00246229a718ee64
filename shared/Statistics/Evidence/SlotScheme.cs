namespace Monitoring.Statistics;

/// <summary>What slots stand for when they come from the clock.</summary>
public enum SlotScheme
{
    /// <summary>One slot.</summary>
    None,

    /// <summary>24 slots, UTC.</summary>
    HourOfDay,

    /// <summary>168 slots from Monday 00:00 UTC.</summary>
    HourOfWeek,
}
