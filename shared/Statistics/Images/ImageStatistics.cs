namespace Monitoring.Statistics;

/// <summary>
/// The default variables of images (RUNTIME 2, "Default variables"): pure functions of one channel, row by row, values
/// usually in [0, 1]. No allocation.
/// </summary>
public static class ImageStatistics
{
    /// <summary>Blocks per side of <see cref="BlockMeans"/>.</summary>
    public const int BlocksPerSide = 7;

    /// <summary>Names of the seven statistics, in their order.</summary>
    public static IReadOnlyList<string> Names { get; } = ["mean", "sd", "bright-share", "laplacian", "centre-x", "centre-y", "slant"];

    /// <summary>
    /// The seven statistics: mean; standard deviation; share of pixels above ½; mean |Laplacian| (four neighbours, inner pixels);
    /// centre of mass x and y in pixels from the left and top; slant μ11/μ02, the horizontal shear of the mass. An image
    /// without mass has its centre in the middle and no slant.
    /// </summary>
    /// <param name="pixels">width × height values.</param>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="statistics">Seven places.</param>
    /// <exception cref="ArgumentException">The pixels are no whole number of rows, or there are not seven places.</exception>
    public static void Describe(ReadOnlySpan<float> pixels, int width, Span<double> statistics)
    {
        var height = HeightOf(pixels.Length, width);
        if (statistics.Length < Names.Count)
        {
            throw new ArgumentException($"{statistics.Length} places for {Names.Count} statistics", nameof(statistics));
        }

        double sum = 0, squares = 0, xSum = 0, ySum = 0, xySum = 0, yySum = 0, laplacian = 0;
        var bright = 0;
        for (var y = 0; y < height; y++)
        {
            var row = pixels.Slice(y * width, width);
            double rowSum = 0, rowX = 0;
            for (var x = 0; x < width; x++)
            {
                double p = row[x];
                rowSum += p;
                rowX += p * x;
                squares += p * p;
                bright += p > 0.5 ? 1 : 0;
            }

            sum += rowSum;
            xSum += rowX;
            ySum += rowSum * y;
            xySum += rowX * y;
            yySum += rowSum * y * y;
            if (y > 0 && y < height - 1)
            {
                var above = pixels.Slice((y - 1) * width, width);
                var below = pixels.Slice((y + 1) * width, width);
                for (var x = 1; x < width - 1; x++)
                {
                    laplacian += Math.Abs(above[x] + below[x] + row[x - 1] + row[x + 1] - (4 * row[x]));
                }
            }
        }

        var count = (double)pixels.Length;
        var mean = sum / count;
        var inner = (double)Math.Max(0, width - 2) * Math.Max(0, height - 2);
        statistics[0] = mean;
        statistics[1] = Math.Sqrt(Math.Max(0, (squares / count) - (mean * mean)));
        statistics[2] = bright / count;
        statistics[3] = inner > 0 ? laplacian / inner : 0;
        var centreX = sum > 0 ? xSum / sum : (width - 1) / 2.0;
        var centreY = sum > 0 ? ySum / sum : (height - 1) / 2.0;
        statistics[4] = centreX;
        statistics[5] = centreY;
        var spread = sum > 0 ? (yySum / sum) - (centreY * centreY) : 0;
        statistics[6] = spread > 1e-9 ? ((xySum / sum) - (centreX * centreY)) / spread : 0;
    }

    /// <summary>Means over 7 × 7 blocks, row by row; sides that 7 does not divide give blocks of unequal size.</summary>
    /// <param name="pixels">width × height values, each side at least 7.</param>
    /// <param name="width">Columns.</param>
    /// <param name="means">49 places.</param>
    public static void BlockMeans(ReadOnlySpan<float> pixels, int width, Span<double> means)
    {
        var height = HeightOf(pixels.Length, width);
        if (width < BlocksPerSide || height < BlocksPerSide)
        {
            throw new ArgumentException($"{width} × {height} pixels do not make {BlocksPerSide} × {BlocksPerSide} blocks", nameof(pixels));
        }

        if (means.Length < BlocksPerSide * BlocksPerSide)
        {
            throw new ArgumentException($"{means.Length} places for {BlocksPerSide * BlocksPerSide} means", nameof(means));
        }

        for (var by = 0; by < BlocksPerSide; by++)
        {
            var top = by * height / BlocksPerSide;
            var bottom = (by + 1) * height / BlocksPerSide;
            for (var bx = 0; bx < BlocksPerSide; bx++)
            {
                var left = bx * width / BlocksPerSide;
                var right = (bx + 1) * width / BlocksPerSide;
                var sum = 0.0;
                for (var y = top; y < bottom; y++)
                {
                    foreach (var p in pixels[((y * width) + left)..((y * width) + right)])
                    {
                        sum += p;
                    }
                }

                means[(by * BlocksPerSide) + bx] = sum / ((bottom - top) * (right - left));
            }
        }
    }

    /// <summary>Entropy −Σ p ln p in nats of a vector of probabilities; zeros add nothing, NaN gives NaN.</summary>
    public static double Entropy(ReadOnlySpan<float> probabilities)
    {
        var sum = 0.0;
        foreach (var p in probabilities)
        {
            sum -= p > 0 || float.IsNaN(p) ? p * Math.Log(p) : 0;
        }

        return sum;
    }

    /// <summary>Index of the greatest value, the first of equal ones; −1 when empty.</summary>
    public static int ArgMax(ReadOnlySpan<float> values)
    {
        var best = -1;
        for (var i = 0; i < values.Length; i++)
        {
            if (best < 0 || values[i] > values[best])
            {
                best = i;
            }
        }

        return best;
    }

    private static int HeightOf(int length, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        return length > 0 && length % width == 0
            ? length / width
            : throw new ArgumentException($"{length} pixels are no rows of {width}");
    }
}
