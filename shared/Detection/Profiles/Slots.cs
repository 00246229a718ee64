namespace Monitoring.Detection;

/// <summary>Arithmetic of slots.</summary>
internal static class Slots
{
    private const long HourNano = 3_600_000_000_000;

    /// <summary>1970-01-01 was a Thursday: 72 hours after a Monday.</summary>
    private const long EpochHourOfWeek = 72;

    public static int Count(SlotRule rule) => rule switch { SlotRule.HourOfDay => 24, SlotRule.HourOfWeek => 168, _ => 1 };

    public static int Of(SlotRule rule, long timeUnixNano)
    {
        if (rule == SlotRule.None)
        {
            return 0;
        }

        var hour = timeUnixNano >= 0 ? timeUnixNano / HourNano : ((timeUnixNano + 1) / HourNano) - 1;
        var count = Count(rule);
        var slot = (hour + (rule == SlotRule.HourOfWeek ? EpochHourOfWeek : 0)) % count;
        return (int)(slot < 0 ? slot + count : slot);
    }
}
