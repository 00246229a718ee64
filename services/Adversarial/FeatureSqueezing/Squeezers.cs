using Monitoring.Detection;

namespace Monitoring.Adversarial;

/// <summary>Squeezers of W. Xu, D. Evans and Y. Qi, "Feature Squeezing", NDSS 2018.</summary>
internal static class Squeezers
{
    /// <summary>Reduces every value to the given number of bits: round(x·(2^i − 1))/(2^i − 1) on the layout's range.</summary>
    public static void ReduceDepth(ReadOnlySpan<float> image, ImageLayout layout, int bits, Span<float> squeezed)
    {
        var levels = (1 << bits) - 1;
        var range = layout.Maximum - layout.Minimum;
        for (var i = 0; i < image.Length; i++)
        {
            squeezed[i] = layout.Minimum + (range * MathF.Round(Math.Clamp((image[i] - layout.Minimum) / range, 0, 1) * levels) / levels);
        }
    }

    /// <summary>Median of a side×side window (its upper left pixel is the one replaced for even sides), reflected at the border; of an even number the upper middle one.</summary>
    public static void Median(ReadOnlySpan<float> image, ImageLayout layout, int side, Span<float> squeezed)
    {
        Span<float> window = stackalloc float[side * side];
        var first = -((side - 1) / 2);
        for (var c = 0; c < layout.Channels; c++)
        {
            for (var y = 0; y < layout.Height; y++)
            {
                for (var x = 0; x < layout.Width; x++)
                {
                    var count = 0;
                    for (var dy = 0; dy < side; dy++)
                    {
                        for (var dx = 0; dx < side; dx++)
                        {
                            window[count++] = image[Place(layout, Reflect(y + first + dy, layout.Height), Reflect(x + first + dx, layout.Width), c)];
                        }
                    }

                    window.Sort();
                    squeezed[Place(layout, y, x, c)] = window[count / 2];
                }
            }
        }
    }

    private static int Reflect(int place, int length) => place < 0 ? -place - 1 : place >= length ? (2 * length) - place - 1 : place;

    private static int Place(ImageLayout layout, int y, int x, int c) =>
        layout.ChannelsFirst ? (((c * layout.Height) + y) * layout.Width) + x : (((y * layout.Width) + x) * layout.Channels) + c;
}
