namespace Monitoring.Statistics.Tests;

public sealed class SlotChoiceTests
{
    private const long HourMs = 3_600_000;

    [Fact]
    public void Slots_follow_the_clock()
    {
        // 1970-01-01 00:00 was a Thursday; 1969-12-29 00:00 a Monday.
        Assert.Equal(72, SlotChoice.SlotOf(SlotScheme.HourOfWeek, 0));
        Assert.Equal(0, SlotChoice.SlotOf(SlotScheme.HourOfDay, 0));
        Assert.Equal(0, SlotChoice.SlotOf(SlotScheme.HourOfWeek, -72 * HourMs));
        Assert.Equal(167, SlotChoice.SlotOf(SlotScheme.HourOfWeek, (-72 * HourMs) - 1));
        Assert.Equal(23, SlotChoice.SlotOf(SlotScheme.HourOfDay, -1));
        Assert.Equal(0, SlotChoice.SlotOf(SlotScheme.None, 123));
    }

    [Theory]
    [InlineData(0, 0, 40_000, SlotScheme.None, false)]
    [InlineData(0.3, 0, 40_000, SlotScheme.HourOfDay, false)]
    [InlineData(0.3, 0.3, 40_000, SlotScheme.HourOfWeek, false)]
    [InlineData(0.5, 0.5, 6_000, SlotScheme.HourOfDay, true)]
    public void The_fit_chooses_the_cycle_there_is(double daily, double weekly, int count, SlotScheme expected, bool tooThin)
    {
        var random = new Random(1);
        var times = Enumerable.Range(0, count).Select(i => (long)(28 * 24 * (double)HourMs * i / count)).ToArray();
        var values = times.Select(t => random.Gaussian()
            + (daily * Math.Sin(2 * Math.PI * t / (24.0 * HourMs)))
            + (weekly * Math.Sin(2 * Math.PI * t / (168.0 * HourMs)))).ToArray();
        var choice = SlotChoice.Fit(values, times, StreamKind.Numeric);
        Assert.Equal(expected, choice.Scheme);
        Assert.Equal(tooThin, choice.TooThin);
    }

    /// <summary>p-values of the test are uniform enough not to invent cycles: at 1 in 1,000, at most 4 of 300.</summary>
    [Fact]
    public void No_cycle_is_seldom_taken_for_one()
    {
        var times = Enumerable.Range(0, 5_000).Select(i => i * 400_000L).ToArray();
        var found = Enumerable.Range(0, 300).Count(seed => SlotChoice.Fit(Samples.Gaussian(seed, 5_000), times, StreamKind.Numeric) is { PDay: < SlotChoice.Significance } or { PWeek: < SlotChoice.Significance });
        Assert.InRange(found, 0, 4);
    }
}
