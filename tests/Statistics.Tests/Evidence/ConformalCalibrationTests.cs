namespace Monitoring.Statistics.Tests;

public sealed class ConformalCalibrationTests
{
    [Fact]
    public void Counts_scores_at_least_as_large()
    {
        var calibration = new ConformalCalibration([1, 2, 2, 3]);
        Assert.Equal(1.0, calibration.PValue(0));
        Assert.Equal(0.8, calibration.PValue(1.5));
        Assert.Equal(0.8, calibration.PValue(2));
        Assert.Equal(0.4, calibration.PValue(3));
        Assert.Equal(0.2, calibration.PValue(4));
        Assert.Equal(0.2, calibration.Smallest);
        Assert.Equal(0.75, calibration.LeaveOneOut(2));
        Assert.Equal(0.25, calibration.LeaveOneOut(3));
        Assert.Equal((1 + (0.5 * 3)) / 5, calibration.Smoothed(2, 0.5));
    }

    [Fact]
    public void Smoothed_values_are_uniform_and_plain_ones_conservative()
    {
        var random = new Random(1);
        double smoothed = 0, plain = 0;
        for (var round = 0; round < 4_000; round++)
        {
            var calibration = new ConformalCalibration([.. Enumerable.Range(0, 19).Select(_ => (double)random.Next(6))]);
            var score = random.Next(6);
            smoothed += calibration.Smoothed(score, random.NextDouble()) <= 0.25 ? 1 : 0;
            plain += calibration.PValue(score) <= 0.25 ? 1 : 0;
        }

        Assert.InRange(smoothed / 4_000, 0.23, 0.27);
        Assert.True(plain / 4_000 < 0.25);
    }

    [Fact]
    public void Realised_rate_is_as_wide_as_published()
    {
        // reference/algorithms.md e.3: n = 1,000 at 1 % realises about 0.5 to 1.7 %.
        var (low, high) = new ConformalCalibration(Samples.Gaussian(1, 1_000)).RealisedRate(0.01);
        Assert.InRange(low, 0.003, 0.006);
        Assert.InRange(high, 0.014, 0.018);
    }
}
