namespace Monitoring.AllInOne.Demo;

/// <summary>What happens to the digits in the demo: the camera is turned and the light fades.</summary>
internal static class DigitTransform
{
    /// <summary>Rotates a square image about its centre with bilinear interpolation; outside is background (0).</summary>
    /// <param name="image">side × side values, row-major.</param>
    /// <param name="side">Pixels per side.</param>
    /// <param name="degrees">Counter-clockwise.</param>
    public static float[] Rotate(ReadOnlySpan<float> image, int side, double degrees)
    {
        var result = new float[image.Length];
        var (sin, cos) = Math.SinCos(degrees * Math.PI / 180);
        var centre = (side - 1) / 2.0;
        for (var y = 0; y < side; y++)
        {
            for (var x = 0; x < side; x++)
            {
                var sourceX = (cos * (x - centre)) - (sin * (y - centre)) + centre;
                var sourceY = (sin * (x - centre)) + (cos * (y - centre)) + centre;
                result[(y * side) + x] = Sample(image, side, sourceX, sourceY);
            }
        }

        return result;
    }

    /// <summary>Multiplies every value by <paramref name="factor"/>.</summary>
    public static void Fade(Span<float> image, float factor) => System.Numerics.Tensors.TensorPrimitives.Multiply(image, factor, image);

    private static float Sample(ReadOnlySpan<float> image, int side, double x, double y)
    {
        var left = (int)Math.Floor(x);
        var top = (int)Math.Floor(y);
        var fx = (float)(x - left);
        var fy = (float)(y - top);
        return ((1 - fx) * (1 - fy) * At(image, side, left, top))
            + (fx * (1 - fy) * At(image, side, left + 1, top))
            + ((1 - fx) * fy * At(image, side, left, top + 1))
            + (fx * fy * At(image, side, left + 1, top + 1));
    }

    private static float At(ReadOnlySpan<float> image, int side, int x, int y) =>
        (uint)x < (uint)side && (uint)y < (uint)side ? image[(y * side) + x] : 0;
}
