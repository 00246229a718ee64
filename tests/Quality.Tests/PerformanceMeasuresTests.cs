using Monitoring.Statistics;

namespace Monitoring.Quality.Tests;

public sealed class PerformanceMeasuresTests
{
    [Fact]
    public void Accuracy_has_the_interval_of_Wilson()
    {
        // 8 of 10: Newcombe (1998), table I gives 0.4901 to 0.9433.
        var measure = PerformanceMeasures.Share("accuracy", 8, 10);
        Assert.Equal(0.8, measure.Value);
        Assert.Equal(0.4902, measure.Low, 3);
        Assert.Equal(0.9433, measure.High, 3);
        Assert.Equal((0.0, 0.0), (PerformanceMeasures.Share("x", 0, 5).Value, PerformanceMeasures.Share("x", 0, 5).Low));
    }

    [Fact]
    public void Auroc_has_the_variance_of_DeLong_by_all_pairs()
    {
        var random = new Random(4);
        double[] scores = [.. Enumerable.Range(0, 60).Select(_ => Math.Round(random.NextDouble(), 1))];
        bool[] labels = [.. scores.Select(s => random.NextDouble() < s)];
        double[] positives = [.. scores.Where((_, i) => labels[i])], negatives = [.. scores.Where((_, i) => !labels[i])];
        static double Beats(double p, double n) => p > n ? 1 : p == n ? 0.5 : 0;
        double[] v10 = [.. positives.Select(p => negatives.Average(n => Beats(p, n)))], v01 = [.. negatives.Select(n => positives.Average(p => Beats(p, n)))];
        var auroc = v10.Average();
        static double Variance(double[] values) => values.Sum(v => (v - values.Average()) * (v - values.Average())) / (values.Length - 1);
        var half = 1.959963984540054 * Math.Sqrt((Variance(v10) / v10.Length) + (Variance(v01) / v01.Length));
        var measure = PerformanceMeasures.AreaUnderRoc(scores, labels);
        Assert.Equal(auroc, measure.Value, 12);
        Assert.Equal(Math.Max(0, auroc - half), measure.Low, 12);
        Assert.Equal(Math.Min(1, auroc + half), measure.High, 12);
    }

    [Fact]
    public void Measures_of_a_small_table_by_hand()
    {
        int[] truth = [1, 1, 1, 0, 0, 0], predicted = [1, 1, 0, 0, 0, 1];
        float[] probabilities = [0.25f, 0.75f, 0.25f, 0.75f, 0.75f, 0.25f, 0.75f, 0.25f, 0.75f, 0.25f, 0.25f, 0.75f];
        var measures = PerformanceMeasures.OfClassifier(truth, predicted, probabilities, 2).ToDictionary(m => m.Name, m => m.Value);
        Assert.Equal(4 / 6.0, measures["accuracy"], 12);
        Assert.Equal(4 / 6.0, measures["f1"], 12);
        Assert.Equal(-((4 * Math.Log(0.75)) + (2 * Math.Log(0.25))) / 6, measures["log-loss"], 12);
        Assert.Equal(((4 * 0.0625) + (2 * 0.5625)) / 6, measures["brier"], 12);
        Assert.Equal(2 / 3.0, measures["auroc"], 12);

        var regression = PerformanceMeasures.OfRegressor([1, 2, 3, 4], [1, 2, 3, 8]).ToDictionary(m => m.Name, m => m);
        Assert.Equal((1.0, 2.0), (regression["mae"].Value, regression["rmse"].Value));
    }

    [Fact]
    public void Intervals_cover_at_their_rate()
    {
        // 200 samples of 400 rows from a model whose accuracy, F1, log-loss and calibration error are known in the limit.
        var covered = new Dictionary<string, int>(StringComparer.Ordinal);
        var limit = Sample(200_000, new Random(99)).ToDictionary(m => m.Name, m => m.Value);
        for (var seed = 0; seed < 200; seed++)
        {
            foreach (var measure in Sample(400, new Random(seed)))
            {
                covered[measure.Name] = covered.GetValueOrDefault(measure.Name) + (limit[measure.Name] >= measure.Low && limit[measure.Name] <= measure.High ? 1 : 0);
            }
        }

        // 95 % of 200 is 190; 178 is three standard deviations and more below. The calibration error is biased upwards in small samples and says so in its summary.
        foreach (var name in new[] { "accuracy", "f1", "auroc", "log-loss", "brier" })
        {
            Assert.InRange(covered[name], 178, 200);
        }

        static IReadOnlyList<MeasureInterval> Sample(int rows, Random random)
        {
            int[] truth = new int[rows], predicted = new int[rows];
            var probabilities = new float[2 * rows];
            for (var r = 0; r < rows; r++)
            {
                var score = 0.2 + (0.6 * random.NextDouble());
                truth[r] = random.NextDouble() < score ? 1 : 0;
                predicted[r] = score > 0.5 ? 1 : 0;
                (probabilities[2 * r], probabilities[(2 * r) + 1]) = ((float)(1 - score), (float)score);
            }

            return PerformanceMeasures.OfClassifier(truth, predicted, probabilities, 2);
        }
    }
}
