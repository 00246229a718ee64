using Monitoring.Detection;

namespace Monitoring.Hosting.Images;

/// <summary>Draws attributions over an image: red speaks for the answer, blue against it, the image in grey (or its colours, paled) below.</summary>
public static class HeatMap
{
    /// <param name="image">Layout of the row.</param>
    /// <param name="row">The explained row.</param>
    /// <param name="perColumn">Attribution per column of the row.</param>
    /// <param name="scale">Edge of a pixel in the drawing; 0 chooses one that makes the shorter side at least 224.</param>
    /// <returns>A PNG file.</returns>
    public static byte[] Render(ImageLayout image, ReadOnlySpan<float> row, ReadOnlySpan<double> perColumn, int scale = 0)
    {
        if (row.Length != perColumn.Length || row.Length != image.Height * image.Width * image.Channels)
        {
            throw new ArgumentException($"the image has {image.Height * image.Width * image.Channels} numbers, the row {row.Length}, the attributions {perColumn.Length}", nameof(row));
        }

        var heat = new double[image.Height * image.Width];
        for (var y = 0; y < image.Height; y++)
        {
            for (var x = 0; x < image.Width; x++)
            {
                for (var c = 0; c < image.Channels; c++)
                {
                    heat[(y * image.Width) + x] += perColumn[image.ColumnOf(y, x, c)];
                }
            }
        }

        return RenderPixels(image, row, heat, scale);
    }

    /// <summary>As <see cref="Render"/>, with one attribution per pixel, row by row.</summary>
    public static byte[] RenderPixels(ImageLayout image, ReadOnlySpan<float> row, double[] heat, int scale = 0)
    {
        if (heat.Length != image.Height * image.Width || row.Length != heat.Length * image.Channels)
        {
            throw new ArgumentException($"the image has {image.Height * image.Width} pixels of {image.Channels} channels, the row {row.Length} numbers, the attributions {heat.Length}", nameof(heat));
        }

        if (scale == 0)
        {
            scale = Math.Max(1, (224 + Math.Min(image.Height, image.Width) - 1) / Math.Min(image.Height, image.Width));
        }

        // Colour by the 99th percentile: one extreme pixel would leave the rest white.
        var sorted = heat.Select(Math.Abs).Order().ToArray();
        var full = sorted[(int)((sorted.Length - 1) * 0.99)];
        full = full > 0 ? full : sorted[^1];

        var width = image.Width * scale;
        var height = image.Height * scale;
        var rgb = new byte[width * height * 3];
        Span<byte> pixel = stackalloc byte[3];
        for (var y = 0; y < image.Height; y++)
        {
            for (var x = 0; x < image.Width; x++)
            {
                var weight = full > 0 ? Math.Clamp(heat[(y * image.Width) + x] / full, -1, 1) : 0;
                for (var c = 0; c < 3; c++)
                {
                    var value = row[image.ColumnOf(y, x, Math.Min(c, image.Channels - 1))];
                    var grey = 255 * (0.25 + (0.75 * (1 - Math.Clamp((value - image.Minimum) / (image.Maximum - image.Minimum), 0, 1))));
                    var colour = weight >= 0 ? (c == 0 ? 214 : 30) : (c == 2 ? 214 : 60);
                    pixel[c] = (byte)Math.Round((grey * (1 - (0.85 * Math.Abs(weight)))) + (colour * 0.85 * Math.Abs(weight)));
                }

                for (var dy = 0; dy < scale; dy++)
                {
                    for (var dx = 0; dx < scale; dx++)
                    {
                        pixel.CopyTo(rgb.AsSpan(((((y * scale) + dy) * width) + (x * scale) + dx) * 3));
                    }
                }
            }
        }

        return Png.Encode(width, height, rgb);
    }
}
