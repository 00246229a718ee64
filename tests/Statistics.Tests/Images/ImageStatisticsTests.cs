namespace Monitoring.Statistics.Tests;

public sealed class ImageStatisticsTests
{
    [Fact]
    public void A_single_bright_pixel_is_where_it_is()
    {
        var image = new float[8 * 10];
        image[(3 * 8) + 5] = 1;
        var s = new double[7];
        ImageStatistics.Describe(image, 8, s);
        Assert.Equal(1 / 80.0, s[0], 1e-12);
        Assert.Equal(Math.Sqrt((1 / 80.0) - (1 / 6_400.0)), s[1], 1e-12);
        Assert.Equal(1 / 80.0, s[2], 1e-12);
        Assert.Equal(8 / 48.0, s[3], 1e-12);
        Assert.Equal(5, s[4], 1e-12);
        Assert.Equal(3, s[5], 1e-12);
        Assert.Equal(0, s[6]);
    }

    /// <summary>A stroke that moves one pixel right every two rows down is slanted by one half.</summary>
    [Fact]
    public void A_slanted_stroke_has_its_slope()
    {
        var image = new float[20 * 20];
        for (var y = 0; y < 20; y++)
        {
            // Split between neighbours, so that the centre of the row is exactly 5 + y/2.
            var x = 5 + (y / 2);
            image[(y * 20) + x] = y % 2 == 0 ? 1 : 0.5f;
            image[(y * 20) + x + 1] = y % 2 == 0 ? 0 : 0.5f;
        }

        var s = new double[7];
        ImageStatistics.Describe(image, 20, s);
        Assert.Equal(0.5, s[6], 1e-9);
    }

    [Fact]
    public void A_blank_image_has_finite_statistics()
    {
        var s = new double[7];
        ImageStatistics.Describe(new float[784], 28, s);
        Assert.Equal([0, 0, 0, 0, 13.5, 13.5, 0], s);
    }

    [Theory]
    [InlineData(28, 28)]
    [InlineData(30, 9)]
    public void Block_means_weigh_up_to_the_mean(int width, int height)
    {
        var random = new Random(1);
        var image = Enumerable.Range(0, width * height).Select(_ => random.NextSingle()).ToArray();
        var means = new double[49];
        ImageStatistics.BlockMeans(image, width, means);
        var sum = 0.0;
        for (var b = 0; b < 49; b++)
        {
            var area = ((((b / 7) + 1) * height / 7) - (b / 7 * height / 7)) * ((((b % 7) + 1) * width / 7) - (b % 7 * width / 7));
            sum += area * means[b];
        }

        Assert.Equal(image.Sum(p => (double)p), sum, 1e-3);
    }

    [Fact]
    public void Entropy_and_class()
    {
        Assert.Equal(Math.Log(4), ImageStatistics.Entropy([0.25f, 0.25f, 0.25f, 0.25f]), 1e-7);
        Assert.Equal(0, ImageStatistics.Entropy([0, 1, 0]));
        Assert.True(double.IsNaN(ImageStatistics.Entropy([float.NaN, 1])));
        Assert.Equal(1, ImageStatistics.ArgMax([0.1f, 0.7f, 0.7f]));
        Assert.Equal(-1, ImageStatistics.ArgMax([]));
        Assert.Throws<ArgumentException>(() => ImageStatistics.Describe(new float[10], 3, new double[7]));
        Assert.Throws<ArgumentException>(() => ImageStatistics.BlockMeans(new float[25], 5, new double[49]));
    }
}
