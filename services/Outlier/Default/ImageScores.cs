using System.Numerics.Tensors;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>
/// The three looks at an image (reference/trials-digits.md; RUNTIME 6) and the count of its missing pixels: distance to the nearest reference image, distance to the
/// nearest reference embedding of unit length, Mahalanobis distance of seven statistics. A blank image passes both neighbours, hence the third.
/// </summary>
internal sealed class ImageScores
{
    private const int Folds = 5;
    private static readonly string[] s_names = ["pixels", "embedding", "statistics", "missing pixels"];
    private readonly RowRepair _repair;
    private readonly ImagePlane _plane;
    private readonly int _embedding;
    private readonly INeighbourSearch _pixels;
    private readonly INeighbourSearch? _embeddings;
    private readonly Mahalanobis _statistics;
    private readonly RowBatch _reference;

    /// <param name="reference">Reference images with their outputs, at least 20.</param>
    /// <param name="repair">What stands for missing pixels.</param>
    /// <param name="search">Makes the searches.</param>
    public ImageScores(RowBatch reference, RowRepair repair, NeighbourSearchFactory search)
    {
        _reference = reference;
        _repair = repair;
        _plane = new ImagePlane(reference.Model.Schema.Image!, 0) { Count = ImageStatistics.Names.Count };
        _embedding = reference.Model.IndexOf(OutputRole.Embedding);
        var (pixels, _) = repair.Repair(reference);
        _pixels = search(Wide(pixels), reference.Width);
        _embeddings = reference.HasOutput(_embedding) ? search(Embeddings(reference), reference.Model.Outputs[_embedding].Width) : null;
        _statistics = new Mahalanobis(Statistics(reference, pixels), ImageStatistics.Names.Count);
    }

    public static IReadOnlyList<string> Names => s_names;

    /// <summary>rows × <see cref="Names"/>, row-major; NaN where a look is not possible.</summary>
    public double[] Score(RowBatch rows)
    {
        var (pixels, missing) = _repair.Repair(rows);
        var statistics = new double[rows.Count];
        _statistics.Score(Statistics(rows, pixels), statistics);
        return Join(Nearest(_pixels, Wide(pixels), -1), _embeddings is null || !rows.HasOutput(_embedding) ? null : Nearest(_embeddings, Embeddings(rows), -1), statistics, missing);
    }

    /// <summary>The same of the reference rows, each without itself: neighbours leave it out, statistics are cross-fitted.</summary>
    public double[] ReferenceScores(ulong seed)
    {
        var (pixels, missing) = _repair.Repair(_reference);
        var all = Statistics(_reference, pixels);
        var width = ImageStatistics.Names.Count;
        var statistics = new double[_reference.Count];
        for (var fold = 0; fold < Folds; fold++)
        {
            int[] inside = [.. Enumerable.Range(0, statistics.Length).Where(r => Fold(r, seed) == fold)];
            double[] outside = [.. Enumerable.Range(0, statistics.Length).Where(r => Fold(r, seed) != fold).SelectMany(r => all.AsSpan(r * width, width).ToArray())];
            var part = new double[inside.Length];
            new Mahalanobis(outside, width).Score([.. inside.SelectMany(r => all.AsSpan(r * width, width).ToArray())], part);
            for (var i = 0; i < inside.Length; i++)
            {
                statistics[inside[i]] = part[i];
            }
        }

        return Join(Nearest(_pixels, Wide(pixels), 0), _embeddings is null ? null : Nearest(_embeddings, Embeddings(_reference), 0), statistics, missing);

        static int Fold(int row, ulong seed) => (int)(StableHash.Combine((ulong)row, seed) % Folds);
    }

    private static double[] Join(double[] pixels, double[]? embeddings, double[] statistics, int[] missing)
    {
        var scores = new double[pixels.Length * s_names.Length];
        for (var r = 0; r < pixels.Length; r++)
        {
            var row = scores.AsSpan(r * s_names.Length);
            row[0] = pixels[r];
            row[1] = embeddings?[r] ?? double.NaN;
            row[2] = statistics[r];
            row[3] = missing[r];
        }

        return scores;
    }

    private static double[] Nearest(INeighbourSearch search, double[] rows, int self)
    {
        var distances = new double[rows.Length / search.Columns];
        search.Find(rows, 1, new int[distances.Length], distances, self);
        return distances;
    }

    private double[] Statistics(RowBatch rows, float[] pixels)
    {
        var width = ImageStatistics.Names.Count;
        var values = new float[width];
        var statistics = new double[rows.Count * width];
        for (var r = 0; r < rows.Count; r++)
        {
            _plane.Describe(pixels.AsSpan(r * rows.Width, rows.Width), values);
            for (var s = 0; s < width; s++)
            {
                statistics[(r * width) + s] = float.IsFinite(values[s]) ? values[s] : 0;
            }
        }

        return statistics;
    }

    private double[] Embeddings(RowBatch rows)
    {
        var width = rows.Model.Outputs[_embedding].Width;
        var embeddings = new double[rows.Count * width];
        for (var r = 0; r < rows.Count; r++)
        {
            var target = embeddings.AsSpan(r * width, width);
            var source = rows.Output(_embedding, r);
            for (var c = 0; c < width; c++)
            {
                target[c] = float.IsFinite(source[c]) ? source[c] : 0;
            }

            var norm = TensorPrimitives.Norm<double>(target);
            if (norm > 0)
            {
                TensorPrimitives.Divide(target, norm, target);
            }
        }

        return embeddings;
    }

    private static double[] Wide(float[] values) => Array.ConvertAll(values, v => (double)v);
}
