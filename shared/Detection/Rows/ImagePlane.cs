using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>An image in a row as one plane in [0, 1]: channels averaged, black at 0 and white at 1 by its layout.</summary>
public sealed class ImagePlane(ImageLayout layout, int column)
{
    public const int Blocks = ImageStatistics.BlocksPerSide * ImageStatistics.BlocksPerSide;

    /// <summary>Variables of the plane: the statistics, then the blocks of images that are large enough.</summary>
    public int Count { get; set; }

    /// <summary>Fills in the plane's variables; a pixel that is NaN makes all of them missing, as nothing can be said of such an image.</summary>
    public void Describe(ReadOnlySpan<float> row, Span<float> values)
    {
        var size = layout.Height * layout.Width;
        var image = row.Slice(column, size * layout.Channels);
        var plane = size <= 4_096 ? stackalloc float[size] : new float[size];
        var scale = 1 / ((layout.Maximum - layout.Minimum) * layout.Channels);
        for (var pixel = 0; pixel < size; pixel++)
        {
            var sum = 0f;
            for (var channel = 0; channel < layout.Channels; channel++)
            {
                sum += image[layout.ChannelsFirst ? (channel * size) + pixel : (pixel * layout.Channels) + channel];
            }

            plane[pixel] = (sum - (layout.Minimum * layout.Channels)) * scale;
        }

        Span<double> described = stackalloc double[ImageStatistics.Names.Count + Blocks];
        ImageStatistics.Describe(plane, layout.Width, described);
        if (values.Length > ImageStatistics.Names.Count)
        {
            ImageStatistics.BlockMeans(plane, layout.Width, described[ImageStatistics.Names.Count..]);
        }

        var missing = double.IsNaN(described[0]);
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = missing ? float.NaN : (float)described[i];
        }
    }
}
