using Monitoring.Detection;

namespace Monitoring.Hosting.Images;

/// <summary>Draws the image in a row as people know it: minimum is black, maximum is white, three channels are red, green and blue.</summary>
public static class InputImage
{
    /// <summary>Edge that small images are enlarged to, at least.</summary>
    private const int Edge = 112;

    /// <summary>Edge beyond which pixels are left out.</summary>
    private const int MaxEdge = 512;

    /// <returns>A PNG file.</returns>
    public static byte[] Render(ImageLayout image, ReadOnlySpan<float> row)
    {
        if (row.Length != image.Height * image.Width * image.Channels)
        {
            throw new ArgumentException($"the image has {image.Height * image.Width * image.Channels} numbers, the row {row.Length}", nameof(row));
        }

        var shorter = Math.Min(image.Height, image.Width);
        var longer = Math.Max(image.Height, image.Width);
        var scale = Math.Max(1, (Edge + shorter - 1) / shorter);
        var step = Math.Max(1, (longer + MaxEdge - 1) / MaxEdge);
        scale = step > 1 ? 1 : Math.Max(1, Math.Min(scale, MaxEdge / longer));
        var width = (image.Width + step - 1) / step * scale;
        var height = (image.Height + step - 1) / step * scale;
        var range = image.Maximum - image.Minimum;
        var rgb = new byte[width * height * 3];
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                for (var c = 0; c < 3; c++)
                {
                    // Two channels are grey and alpha; beyond three, the first three are shown.
                    var channel = image.Channels < 3 ? 0 : c;
                    var value = row[image.ColumnOf(y / scale * step, x / scale * step, channel)];
                    var share = range > 0 && float.IsFinite(value) ? Math.Clamp((value - image.Minimum) / range, 0, 1) : 0;
                    rgb[(((y * width) + x) * 3) + c] = (byte)Math.Round(share * 255);
                }
            }
        }

        return Png.Encode(width, height, rgb);
    }
}
