using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>
/// The classifier two-sample test (Lopez-Paz and Oquab 2017), two-fold: a discriminant learned on one half of window and reference ranks the rows of the
/// other half; the area under its ROC curve is tested against ½ by Mann and Whitney's normal law. p = min(1, 2·the smaller of both halves').
/// </summary>
internal sealed class ClassifierTest(IFeatureMap map, int columns, float[] referenceFeatures, LinearDiscriminant discriminant) : IWindowTest
{
    public TestResult Test(ReadOnlyMemory<float> window, ulong seed)
    {
        var width = map.Count;
        int n = referenceFeatures.Length / width, m = window.Length / columns;
        var features = new float[m * width];
        for (var r = 0; r < m; r++)
        {
            map.Map(window.Span.Slice(r * columns, columns), features.AsSpan(r * width, width));
        }

        double area = 0, smallest = 1;
        for (var fold = 0; fold < 2; fold++)
        {
            var difference = new double[width];
            Add(features, m, width, fold, seed, 1, difference);
            Add(referenceFeatures, n, width, fold, seed + 1, -1, difference);
            var direction = discriminant.Direction(difference);
            var scores = new List<double>();
            var labels = new List<bool>();
            Rank(features, m, width, 1 - fold, seed, direction, true, scores, labels);
            Rank(referenceFeatures, n, width, 1 - fold, seed + 1, direction, false, scores, labels);
            double positives = labels.Count(l => l), negatives = labels.Count - positives;
            if (positives < 2 || negatives < 2)
            {
                continue;
            }

            var auroc = RankedClassification.AreaUnderRoc([.. scores], [.. labels]);
            area += auroc / 2;
            var z = (auroc - 0.5) / Math.Sqrt((positives + negatives + 1) / (12 * positives * negatives));
            smallest = Math.Min(smallest, SpecialFunctions.NormalUpperTail(z));
        }

        return new TestResult(area, Math.Min(1, 2 * smallest));
    }

    private static bool InFold(int row, int fold, ulong seed) => (int)(StableHash.Combine((ulong)row, seed) & 1) == fold;

    private static void Add(float[] features, int rows, int width, int fold, ulong seed, double sign, double[] difference)
    {
        var count = Math.Max(1, Enumerable.Range(0, rows).Count(r => InFold(r, fold, seed)));
        for (var r = 0; r < rows; r++)
        {
            for (var f = 0; f < width && InFold(r, fold, seed); f++)
            {
                difference[f] += sign * features[(r * width) + f] / count;
            }
        }
    }

    private static void Rank(float[] features, int rows, int width, int fold, ulong seed, double[] direction, bool label, List<double> scores, List<bool> labels)
    {
        for (var r = 0; r < rows; r++)
        {
            if (InFold(r, fold, seed))
            {
                double score = 0;
                for (var f = 0; f < width; f++)
                {
                    score += direction[f] * features[(r * width) + f];
                }

                scores.Add(score);
                labels.Add(label);
            }
        }
    }
}
