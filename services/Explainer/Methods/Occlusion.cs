using Monitoring.Detection;

namespace Monitoring.Explainer;

/// <summary>
/// <c>occlusion</c>: what the outputs lose when a part is replaced by the background. Zeiler and Fergus, "Visualizing and
/// Understanding Convolutional Networks" (2014). Parts are patches slid over an image, or single columns.
/// </summary>
internal sealed class Occlusion
{
    private readonly PerturbationEngine _engine;
    private readonly FeatureGroups _pixels;
    private readonly float[] _background;
    private readonly int[][] _parts;

    private Occlusion(PerturbationEngine engine, FeatureGroups pixels, float[] background, int[][] parts)
    {
        _engine = engine;
        _pixels = pixels;
        _background = background;
        _parts = parts;
    }

    /// <summary>Patches of <paramref name="size"/> × <paramref name="size"/> pixels every <paramref name="stride"/> pixels; a pixel's attribution is the mean over the patches that cover it.</summary>
    public static Occlusion ForImage(PerturbationEngine engine, ImageLayout image, Background background, int size, int stride)
    {
        if (size < 1 || stride < 1 || stride > size || size > Math.Min(image.Height, image.Width))
        {
            throw new ArgumentOutOfRangeException(nameof(size), $"patch {size}, stride {stride}: 1 ≤ stride ≤ patch ≤ {Math.Min(image.Height, image.Width)}");
        }

        var parts = new List<int[]>();
        foreach (var top in Starts(image.Height, size, stride))
        {
            foreach (var left in Starts(image.Width, size, stride))
            {
                var columns = new List<int>();
                for (var y = top; y < top + size; y++)
                {
                    for (var x = left; x < left + size; x++)
                    {
                        for (var c = 0; c < image.Channels; c++)
                        {
                            columns.Add(FeatureGroups.ColumnOf(image, y, x, c));
                        }
                    }
                }

                parts.Add([.. columns]);
            }
        }

        var names = Enumerable.Range(0, image.Height * image.Width * image.Channels).Select(i => i.ToString(System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        return new Occlusion(engine, FeatureGroups.Single(names), Background.Mean(background.Rows, background.Count).Rows, [.. parts]);
    }

    /// <summary>One part per group.</summary>
    public static Occlusion ForGroups(PerturbationEngine engine, FeatureGroups groups, Background background)
    {
        var parts = Enumerable.Range(0, groups.Count).Select(g => Enumerable.Range(0, groups.Columns).Where(c => groups.GroupOf[c] == g).ToArray()).ToArray();
        return new Occlusion(engine, groups, Background.Mean(background.Rows, background.Count).Rows, parts);
    }

    /// <inheritdoc cref="KernelShap.ExplainAsync"/>
    public async Task<Attribution> ExplainAsync(ReadOnlyMemory<float> row, PerturbationRequest options, CancellationToken cancellationToken)
    {
        var results = await _engine.RunAsync(options with { Rows = 2 + _parts.Length, Fill = Fill }, cancellationToken).ConfigureAwait(false);
        var outputs = _engine.Model.Outputs;
        var value = results[..outputs];
        var values = new double[_pixels.Count * outputs];
        var covered = new int[_pixels.Count];
        for (var p = 0; p < _parts.Length; p++)
        {
            // A part of one group counts once, a patch once per pixel.
            foreach (var group in _parts[p].Select(c => _pixels.GroupOf[c]).Distinct())
            {
                covered[group]++;
                for (var o = 0; o < outputs; o++)
                {
                    values[(group * outputs) + o] += value[o] - results[((2 + p) * outputs) + o];
                }
            }
        }

        for (var i = 0; i < values.Length; i++)
        {
            values[i] /= Math.Max(1, covered[i / outputs]);
        }

        return new Attribution("occlusion", _pixels, values, results[outputs..(2 * outputs)], value, 2 + _parts.Length);

        void Fill(int first, int rows, Span<float> batch)
        {
            var columns = _pixels.Columns;
            for (var i = 0; i < rows; i++)
            {
                var target = batch.Slice(i * columns, columns);
                (first + i == 1 ? _background : row.Span).CopyTo(target);
                if (first + i >= 2)
                {
                    foreach (var column in _parts[first + i - 2])
                    {
                        target[column] = _background[column];
                    }
                }
            }
        }
    }

    private static IEnumerable<int> Starts(int length, int size, int stride)
    {
        for (var start = 0; start + size < length; start += stride)
        {
            yield return start;
        }

        yield return length - size;
    }
}
