using Monitoring.Detection;

namespace Monitoring.Replay.Comparing;

/// <summary>Two versions of a model on the same rows.</summary>
internal sealed class ModelComparison
{
    private readonly List<Row> _rows = [];

    /// <summary>A row with both answers.</summary>
    /// <param name="A">Class of A.</param>
    /// <param name="B">Class of B.</param>
    /// <param name="ProbabilityA">A's probability of the true class where it is known, else of A's own answer.</param>
    /// <param name="ProbabilityB">B's probability of the same class.</param>
    /// <param name="Truth">True class; null where nobody said.</param>
    /// <param name="Segment">Segment; empty without segments.</param>
    internal readonly record struct Row(int A, int B, double ProbabilityA, double ProbabilityB, int? Truth, string Segment);

    /// <summary>The comparison of one segment; the whole has an empty name.</summary>
    /// <param name="Segment">Name.</param>
    /// <param name="Rows">Rows.</param>
    /// <param name="Labelled">Rows with a true class.</param>
    /// <param name="Agreement">Share of rows with the same answer.</param>
    /// <param name="Differences">Paired differences B − A.</param>
    internal sealed record SegmentResult(string Segment, int Rows, int Labelled, double Agreement, IReadOnlyList<PairedDifference> Differences);

    public int Count => _rows.Count;

    public void Add(Row row) => _rows.Add(row);

    /// <summary>The whole first, then segments by size.</summary>
    /// <param name="z">Normal quantile of the intervals' level.</param>
    public IReadOnlyList<SegmentResult> Results(double z)
    {
        if (_rows.Count == 0)
        {
            return [];
        }

        var results = new List<SegmentResult> { Of("", _rows, z) };
        var segments = _rows.GroupBy(r => r.Segment, StringComparer.Ordinal).ToList();
        if (segments.Count > 1 || segments[0].Key.Length > 0)
        {
            results.AddRange(segments.OrderByDescending(s => s.Count()).ThenBy(s => s.Key, StringComparer.Ordinal).Select(s => Of(s.Key, [.. s], z)));
        }

        return results;
    }

    /// <summary>Class of an output row: the largest; with one output, whether it is at least ½.</summary>
    public static int Top(ReadOnlySpan<float> outputs)
    {
        if (outputs.Length == 1)
        {
            return outputs[0] >= 0.5f ? 1 : 0;
        }

        var best = 0;
        for (var i = 1; i < outputs.Length; i++)
        {
            if (outputs[i] > outputs[best])
            {
                best = i;
            }
        }

        return best;
    }

    /// <summary>Probability of a class in an output row; NaN where it has no such class.</summary>
    public static double Probability(ReadOnlySpan<float> outputs, int @class) =>
        outputs.Length == 1 ? (@class == 1 ? outputs[0] : 1 - outputs[0]) : @class >= 0 && @class < outputs.Length ? outputs[@class] : double.NaN;

    /// <summary>Index of a label in the schema's classes, or the label as a number; null where it is neither.</summary>
    public static int? ClassOf(ModelSchema? schema, string label)
    {
        for (var i = 0; i < (schema?.Classes.Count ?? 0); i++)
        {
            if (string.Equals(schema!.Classes[i], label, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return int.TryParse(label, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    private static SegmentResult Of(string segment, IReadOnlyList<Row> rows, double z)
    {
        var differences = new List<PairedDifference>();
        var labelled = rows.Where(r => r.Truth is not null).ToList();
        if (labelled.Count > 0)
        {
            differences.Add(PairedDifference.OfProportions("accuracy", [.. labelled.Select(r => r.A == r.Truth)], [.. labelled.Select(r => r.B == r.Truth)], z));
            differences.Add(PairedDifference.OfMeans("log-loss", [.. labelled.Select(r => Loss(r.ProbabilityA))], [.. labelled.Select(r => Loss(r.ProbabilityB))], z));
        }

        differences.Add(PairedDifference.OfMeans("probability", [.. rows.Select(r => r.ProbabilityA)], [.. rows.Select(r => r.ProbabilityB)], z));
        return new SegmentResult(segment, rows.Count, labelled.Count, rows.Average(r => r.A == r.B ? 1.0 : 0), differences);
    }

    private static double Loss(double probability) => -Math.Log(Math.Clamp(double.IsNaN(probability) ? 0 : probability, 1e-12, 1));
}
