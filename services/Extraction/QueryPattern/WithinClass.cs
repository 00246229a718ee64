using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>
/// A number of a query against what clean queries with the same answer have (RUNTIME.md 6: within the predicted class): thin ones lie close together and are easy, and a client that honestly sends nothing else is no thief.
/// Continuous numbers become (value − median)/(four tenths of the distance between the 10 % and the 90 % point), levels the surprise −ln P(at least this level). Classes with few clean queries are taken together.
/// </summary>
internal sealed class WithinClass
{
    private const int LeastQueries = 30;

    /// <summary>A class's own spread counts from this part of everybody's on.</summary>
    private const float LeastSpread = 0.25f;

    /// <summary>Per class, and at last for all together.</summary>
    private readonly float[] _medians;
    private readonly float[] _spreads;

    /// <summary>Classes × levels of surprise; empty for continuous numbers.</summary>
    private readonly float[] _surprise;

    private WithinClass(float[] medians, float[] spreads, float[] surprise)
    {
        _medians = medians;
        _spreads = spreads;
        _surprise = surprise;
    }

    private int Classes => _medians.Length - 1;

    /// <param name="values">Of clean queries; those that are not finite are left out.</param>
    /// <param name="classes">Their predicted classes; −1 for none.</param>
    public static WithinClass OfNumbers(IReadOnlyList<float> values, IReadOnlyList<int> classes)
    {
        var groups = Group(values, classes);
        var (medians, spreads) = (new float[groups.Length], new float[groups.Length]);
        for (var group = groups.Length - 1; group >= 0; group--)
        {
            var sorted = groups[group].Length >= LeastQueries || group == groups.Length - 1 ? groups[group] : groups[^1];
            Array.Sort(sorted);
            medians[group] = sorted.Length == 0 ? 0 : sorted[sorted.Length / 2];
            var spread = sorted.Length == 0 ? 1 : 0.4f * (sorted[(int)(0.9 * (sorted.Length - 1))] - sorted[(int)(0.1 * (sorted.Length - 1))]);
            spreads[group] = group == groups.Length - 1 ? (spread > 0 ? spread : 1) : Math.Max(spread, LeastSpread * spreads[^1]);
        }

        return new WithinClass(medians, spreads, []);
    }

    /// <param name="values">Levels, 0 to <paramref name="levels"/> − 1, of clean queries.</param>
    /// <param name="classes">Their predicted classes; −1 for none.</param>
    /// <param name="levels">Number of levels.</param>
    public static WithinClass OfLevels(IReadOnlyList<float> values, IReadOnlyList<int> classes, int levels)
    {
        var groups = Group(values, classes);
        var surprise = new float[groups.Length * levels];
        for (var group = 0; group < groups.Length; group++)
        {
            var of = groups[group].Length >= LeastQueries ? groups[group] : groups[^1];
            for (var level = 0; level < levels; level++)
            {
                surprise[(group * levels) + level] = level == 0 ? 0 : -MathF.Log((of.Count(v => v >= level) + 1f) / (of.Length + 1f));
            }
        }

        return new WithinClass(new float[groups.Length], [.. Enumerable.Repeat(1f, groups.Length)], surprise);
    }

    /// <summary>The value within its class; NaN stays NaN.</summary>
    public float Of(float value, int predicted)
    {
        var group = predicted >= 0 && predicted < Classes ? predicted : Classes;
        if (_surprise.Length == 0 || !float.IsFinite(value))
        {
            return (value - _medians[group]) / _spreads[group];
        }

        var levels = _surprise.Length / _medians.Length;
        return _surprise[(group * levels) + (int)Math.Clamp(value, 0, levels - 1)];
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteDoubles(Array.ConvertAll(_medians, v => (double)v));
        writer.WriteDoubles(Array.ConvertAll(_spreads, v => (double)v));
        writer.WriteDoubles(Array.ConvertAll(_surprise, v => (double)v));
    }

    public static WithinClass Read(ref CanonicalReader reader)
    {
        var within = new WithinClass(Floats(reader.ReadDoubles()), Floats(reader.ReadDoubles()), Floats(reader.ReadDoubles()));
        return within._medians.Length > 0 && within._spreads.Length == within._medians.Length && within._surprise.Length % within._medians.Length == 0
            ? within
            : throw new InvalidDataException("values within classes of impossible size");

        static float[] Floats(double[] values) => Array.ConvertAll(values, v => (float)v);
    }

    /// <summary>Finite values of every class, and at last all of them.</summary>
    private static float[][] Group(IReadOnlyList<float> values, IReadOnlyList<int> classes)
    {
        var groups = Enumerable.Range(0, classes.DefaultIfEmpty(-1).Max() + 2).Select(_ => new List<float>()).ToArray();
        for (var i = 0; i < values.Count; i++)
        {
            if (float.IsFinite(values[i]))
            {
                groups[^1].Add(values[i]);
                if (classes[i] >= 0)
                {
                    groups[classes[i]].Add(values[i]);
                }
            }
        }

        return [.. groups.Select(g => g.ToArray())];
    }
}
