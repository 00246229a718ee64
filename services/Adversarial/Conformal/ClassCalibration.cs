using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary>
/// Conformal p-values of a score within the predicted class (Mondrian; Vovk, Gammerman and Shafer 2005): p = (1 + number of clean scores of the class that are
/// at least as large) / (1 + their number). A class with fewer than <see cref="LeastOfClass"/> clean scores uses all classes.
/// </summary>
internal sealed class ClassCalibration
{
    public const int LeastOfClass = 100;

    private readonly SortedDictionary<int, float[]> _classes;
    private readonly float[] _all;

    private ClassCalibration(SortedDictionary<int, float[]> classes, float[] all, HonestHits honest)
    {
        _classes = classes;
        _all = all;
        Honest = honest;
    }

    /// <summary>How often honest clients exceed it.</summary>
    public HonestHits Honest { get; }

    /// <summary>Clean scores.</summary>
    public int Count => _all.Length;

    /// <param name="scores">Clean scores, held out from whatever the score was fitted on.</param>
    /// <param name="classes">Predicted class of each.</param>
    public static ClassCalibration Of(ReadOnlySpan<float> scores, ReadOnlySpan<int> classes)
    {
        var byClass = new SortedDictionary<int, List<float>>();
        var all = new List<float>();
        for (var i = 0; i < scores.Length; i++)
        {
            if (float.IsNaN(scores[i]))
            {
                continue;
            }

            all.Add(scores[i]);
            if (!byClass.TryGetValue(classes[i], out var list))
            {
                byClass.Add(classes[i], list = []);
            }

            list.Add(scores[i]);
        }

        all.Sort();
        var kept = new SortedDictionary<int, float[]>();
        foreach (var (label, list) in byClass)
        {
            if (label >= 0 && list.Count >= LeastOfClass)
            {
                list.Sort();
                kept.Add(label, [.. list]);
            }
        }

        return new ClassCalibration(kept, [.. all], new HonestHits(0.02, 20, 0.15));
    }

    /// <summary>The same scores with what honest clients show.</summary>
    public ClassCalibration With(HonestHits honest) => new(_classes, _all, honest);

    /// <summary>p-value in (0, 1]; 1 for a score that is not a number.</summary>
    public double PValue(float score, int predictedClass)
    {
        if (float.IsNaN(score))
        {
            return 1;
        }

        var scores = _classes.GetValueOrDefault(predictedClass, _all);
        int low = 0, high = scores.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (scores[middle] < score)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return (1.0 + scores.Length - low) / (scores.Length + 1);
    }

    public void Write(CanonicalWriter writer)
    {
        WriteScores(writer, _all);
        writer.WriteCount(_classes.Count);
        foreach (var (label, scores) in _classes)
        {
            writer.WriteCount(label);
            WriteScores(writer, scores);
        }

        Honest.Write(writer);

        static void WriteScores(CanonicalWriter writer, float[] scores) => writer.WriteDoubles(Array.ConvertAll(scores, s => (double)s));
    }

    public static ClassCalibration Read(ref CanonicalReader reader)
    {
        var all = Array.ConvertAll(reader.ReadDoubles(), s => (float)s);
        var classes = new SortedDictionary<int, float[]>();
        for (var left = reader.ReadLength(1); left > 0; left--)
        {
            classes.Add((int)reader.ReadCount(), Array.ConvertAll(reader.ReadDoubles(), s => (float)s));
        }

        return new ClassCalibration(classes, all, HonestHits.Read(ref reader));
    }
}
