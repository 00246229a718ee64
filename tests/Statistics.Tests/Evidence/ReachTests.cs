namespace Monitoring.Statistics.Tests;

public sealed class ReachTests
{
    /// <summary>More reference reaches smaller changes; a tolerance costs reach; a small one is warned of.</summary>
    [Fact]
    public void Orders_references_as_simulation_does()
    {
        const double Level = 600_000;
        var small = Reach.Of(StreamReference.Numeric(Samples.Gaussian(1, 300)), Level);
        var middle = Reach.Of(StreamReference.Numeric(Samples.Gaussian(1, 1_000)), Level);
        var large = Reach.Of(StreamReference.Numeric(Samples.Gaussian(1, 5_000)), Level);
        var equality = Reach.Of(StreamReference.Numeric(Samples.Gaussian(1, 5_000)), Level, new EvidenceOptions { Tolerance = 0 });
        Assert.True(small.Shift > middle.Shift && middle.Shift > large.Shift && large.Shift > equality.Shift);
        Assert.True(small.Insufficient && middle.Insufficient);
        Assert.False(large.Insufficient);
        Assert.True(Reach.Of(StreamReference.Numeric(Samples.Gaussian(1, 5_000)), 10_000).Shift < large.Shift);
    }

    [Fact]
    public void Nothing_is_reached_where_the_level_is_absurd() =>
        Assert.True(double.IsPositiveInfinity(Reach.Of(StreamReference.Numeric(Samples.Gaussian(1, 80)), 1e200).Shift));
}
