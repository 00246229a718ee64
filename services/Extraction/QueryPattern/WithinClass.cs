using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>
/// A number of a query against what clean queries with the same answer have (RUNTIME.md 6: within the predicted class): thin ones lie close together and are easy, and a client that honestly sends nothing else is no thief. It becomes its rank
/// among them, 0 to 1, by equal steps of their distribution; what lies outside of all of them goes on to −½ and 1½, in its order. Classes with few clean queries are taken together.
/// </summary>
internal sealed class WithinClass
{
    private const int LeastQueries = 30;
    private const int Steps = 40;

    /// <summary>Per class, and at last for all together: <see cref="Steps"/> + 1 quantiles.</summary>
    private readonly float[] _knots;

    private WithinClass(float[] knots) => _knots = knots;

    private int Classes => (_knots.Length / (Steps + 1)) - 1;

    /// <param name="values">Of clean queries; those that are not finite are left out.</param>
    /// <param name="classes">Their predicted classes; −1 for none.</param>
    public static WithinClass Fit(IReadOnlyList<float> values, IReadOnlyList<int> classes)
    {
        var groups = classes.DefaultIfEmpty(-1).Max() + 2;
        var knots = new float[groups * (Steps + 1)];
        for (var group = groups - 1; group >= 0; group--)
        {
            float[] sorted = [.. Enumerable.Range(0, values.Count).Where(i => float.IsFinite(values[i]) && (group == groups - 1 || classes[i] == group)).Select(i => values[i]).Order()];
            var own = knots.AsSpan(group * (Steps + 1), Steps + 1);
            if (sorted.Length < LeastQueries && group < groups - 1)
            {
                knots.AsSpan((groups - 1) * (Steps + 1)).CopyTo(own);
                continue;
            }

            for (var step = 0; step < own.Length && sorted.Length > 0; step++)
            {
                own[step] = sorted[(int)Math.Round(step / (double)Steps * (sorted.Length - 1))];
            }
        }

        return new WithinClass(knots);
    }

    /// <summary>The rank within its class; NaN stays NaN.</summary>
    public float Of(float value, int predicted)
    {
        var group = predicted >= 0 && predicted < Classes ? predicted : Classes;
        var knots = _knots.AsSpan(group * (Steps + 1), Steps + 1);
        if (float.IsNaN(value))
        {
            return value;
        }

        if (value < knots[0])
        {
            return -Beyond(knots[0] - value, knots);
        }

        if (value > knots[^1])
        {
            return 1 + Beyond(value - knots[^1], knots);
        }

        // Numbers that are often the same have the middle of their steps.
        var (below, upTo) = (0, 0);
        foreach (var knot in knots)
        {
            below += knot < value ? 1 : 0;
            upTo += knot <= value ? 1 : 0;
        }

        return upTo > below
            ? (below + upTo - 1) / (2f * Steps)
            : (below - 1 + ((value - knots[below - 1]) / (knots[below] - knots[below - 1]))) / Steps;
    }

    public void Write(CanonicalWriter writer) => writer.WriteDoubles(Array.ConvertAll(_knots, v => (double)v));

    public static WithinClass Read(ref CanonicalReader reader)
    {
        var knots = Array.ConvertAll(reader.ReadDoubles(), v => (float)v);
        return knots.Length > 0 && knots.Length % (Steps + 1) == 0 ? new WithinClass(knots) : throw new InvalidDataException("values within classes of impossible size");
    }

    /// <summary>0 to ½, in units of half of the distribution.</summary>
    private static float Beyond(float distance, ReadOnlySpan<float> knots)
    {
        var unit = Math.Max(knots[3 * Steps / 4] - knots[Steps / 4], 1e-6f);
        return float.IsInfinity(distance) ? 0.5f : 0.5f * distance / (distance + unit);
    }
}
