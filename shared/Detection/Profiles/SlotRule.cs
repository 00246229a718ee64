namespace Monitoring.Detection;

/// <summary>Which slot of the usual cycle a log time falls into (UTC).</summary>
public enum SlotRule
{
    /// <summary>One slot: the reference shows no cycle, or is too short to show one.</summary>
    None,

    /// <summary>24 slots.</summary>
    HourOfDay,

    /// <summary>168 slots, from Monday 0 h.</summary>
    HourOfWeek,
}
