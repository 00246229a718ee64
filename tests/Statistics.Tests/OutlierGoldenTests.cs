using System.Text.Json;

namespace Monitoring.Statistics.Tests;

/// <summary>Outlier scores against PyOD and alibi-detect.</summary>
public sealed class OutlierGoldenTests
{
    private static readonly JsonElement s_pyod = GoldenFile.Load("pyod");
    private static readonly double[] s_train = s_pyod.Matrix("train").Values;
    private static readonly double[] s_test = s_pyod.Matrix("test").Values;
    private const int Columns = 30;

    [Theory]
    [InlineData("KNN_5_largest", 5, NeighbourDistance.Largest)]
    [InlineData("KNN_5_mean", 5, NeighbourDistance.Mean)]
    [InlineData("KNN_10_median", 10, NeighbourDistance.Median)]
    public void Neighbour_scores_agree_with_PyOD(string name, int k, NeighbourDistance method)
    {
        var expected = s_pyod.GetProperty("results").GetProperty(name);
        var scorer = new NeighbourScorer(s_train, Columns, k, method);
        GoldenFile.Close(expected.Numbers("test_scores"), Score(scorer, s_test), because: name);
        GoldenFile.Close(expected.Numbers("train_scores"), scorer.ReferenceScores, because: name + " train");
    }

    [Fact]
    public void Local_outlier_factor_agrees_with_PyOD()
    {
        var expected = s_pyod.GetProperty("results").GetProperty("LOF_20");
        var scorer = new LocalOutlierFactor(s_train, Columns, 20);
        GoldenFile.Close(expected.Numbers("test_scores"), Score(scorer, s_test));
        GoldenFile.Close(expected.Numbers("train_scores"), scorer.ReferenceScores);
    }

    [Fact]
    public void Histogram_scores_agree_with_PyOD()
    {
        var expected = s_pyod.GetProperty("results").GetProperty("HBOS_10");
        var scorer = new HistogramScorer(s_train, Columns);
        GoldenFile.Close(expected.Numbers("test_scores"), Score(scorer, s_test));
        GoldenFile.Close(expected.Numbers("train_scores"), Score(scorer, s_train));
    }

    [Theory]
    [InlineData("ECOD")]
    [InlineData("COPOD")]
    public void Tail_scores_of_a_row_against_the_rest_agree_with_PyODs_training_scores(string name)
    {
        // PyOD ranks a training row among all training rows: the same as our row beside the other 199.
        var expected = s_pyod.GetProperty("results").GetProperty(name).Numbers("train_scores");
        var compared = 0;
        for (var i = 0; i < 200; i++)
        {
            // The choice of tail looks at a column's skewness, which one row more or less may turn around.
            if (name == "COPOD" && SkewSigns(-1).Zip(SkewSigns(i)).Any(s => s.First != s.Second))
            {
                continue;
            }

            compared++;
            double[] rest = [.. s_train[..(i * Columns)], .. s_train[((i + 1) * Columns)..]];
            IRowScorer scorer = name == "ECOD" ? new Ecod(rest, Columns) : new Copod(rest, Columns);
            GoldenFile.Close(expected[i], Score(scorer, s_train.AsSpan(i * Columns, Columns))[0], because: $"{name}[{i}]");
        }

        Assert.InRange(compared, 100, 200);

        static int[] SkewSigns(int without) => [.. Enumerable.Range(0, Columns).Select(c =>
        {
            var column = Enumerable.Range(0, 200).Where(r => r != without).Select(r => s_train[(r * Columns) + c]).ToArray();
            var mean = column.Average();
            return Math.Sign(column.Sum(v => Math.Pow(v - mean, 3)));
        })];
    }

    [Theory]
    [InlineData("PCA_all")]
    [InlineData("PCA_5")]
    public void Principal_component_distances_agree_with_PyOD(string name)
    {
        var expected = s_pyod.GetProperty("results").GetProperty(name);
        var (components, _) = expected.Matrix("components");
        double[] mean = expected.Numbers("mean"), scale = expected.Numbers("scale"), ratio = expected.Numbers("explained_variance_ratio");
        var scores = Enumerable.Range(0, 100).Select(i => PrincipalComponents.DistanceToComponents(
            [.. Enumerable.Range(0, Columns).Select(c => (s_test[(i * Columns) + c] - mean[c]) / scale[c])], components, ratio)).ToArray();
        GoldenFile.Close(expected.Numbers("test_scores"), scores, because: name);

        // The components themselves, up to their sign.
        var own = new PrincipalComponents(s_train, Columns);
        for (var k = 0; k < 5; k++)
        {
            GoldenFile.Close(ratio[k], own.ExplainedVarianceRatio[k], 1e-9);
            var dot = Enumerable.Range(0, Columns).Sum(c => components[(k * Columns) + c] * own.Components[(k * Columns) + c]);
            Assert.Equal(1, Math.Abs(dot), 1e-9);
        }
    }

    [Fact]
    public void Mahalanobis_scores_agree_with_PyODs_MCD_for_its_location_and_covariance()
    {
        var expected = s_pyod.GetProperty("results").GetProperty("MCD_first8columns");
        var scorer = new Mahalanobis(expected.Numbers("location"), expected.Matrix("covariance").Values);
        double[] first8 = [.. s_test.Where((_, i) => i % Columns < 8)];
        GoldenFile.Close(expected.Numbers("test_scores"), Score(scorer, first8));
    }

    [Fact]
    public void Isolation_forest_scores_agree_with_scikit_learn_for_its_trees()
    {
        var expected = s_pyod.GetProperty("results").GetProperty("IForest");
        var trees = expected.GetProperty("trees").EnumerateArray()
            .Select(t => new IsolationTree(
                [.. t.Integers("feature").Select((f, i) => t.Integers("left")[i] < 0 ? -1 : f)],
                t.Numbers("threshold"),
                t.Integers("left"),
                t.Integers("right"),
                t.Integers("n")))
            .ToArray();
        var forest = new IsolationForest(trees, Columns, expected.GetProperty("max_samples_").GetInt32());
        double[] scores = Score(forest, s_test);
        GoldenFile.Close(expected.Numbers("score_samples"), [.. scores.Select(s => -s)]);
    }

    [Fact]
    public void Isolation_forest_trained_here_separates_as_well_as_scikit_learns()
    {
        var expected = s_pyod.GetProperty("iforest_quality").GetProperty("IForest_default_100x256").Number("test_auc_mean_10_seeds");
        bool[] labels = [.. s_pyod.Numbers("test_label").Select(l => l > 0)];
        var mean = Enumerable.Range(1, 10).Average(seed => RankedClassification.AreaUnderRoc(Score(IsolationForest.Train(s_train, Columns, seed), s_test), labels));
        Assert.InRange(mean, expected - 0.01, 1);
    }

    [Fact]
    public void Online_Mahalanobis_agrees_with_alibi_detect()
    {
        var golden = GoldenFile.Load("mahalanobis");
        var (train, columns) = golden.Matrix("train");
        var (test, _) = golden.Matrix("test");
        var results = golden.GetProperty("results");
        foreach (var (name, components) in new[] { ("online_full", 8), ("online_3_components", 3) })
        {
            var expected = results.GetProperty(name);
            var detector = new OnlineMahalanobis(columns, components);
            var first = new double[train.Length / columns];
            var second = new double[test.Length / columns];
            detector.Score(train, first);
            detector.Score(test, second);
            GoldenFile.Close(expected.Numbers("score_batch1_train"), first, 1e-6, 1e-9, name + " first batch");
            GoldenFile.Close(expected.Numbers("score_batch2_test"), second, 1e-9, because: name + " second batch");
            if (components == 8)
            {
                GoldenFile.Close(expected.Numbers("mean_after"), detector.Mean);
                GoldenFile.Close(expected.Matrix("cov_after").Values, detector.Covariance);
            }
        }

        var textbook = results.GetProperty("textbook_float64");
        GoldenFile.Close(textbook.Numbers("squared_distance"), Score(new Mahalanobis(train, columns), test));
    }

    private static double[] Score(IRowScorer scorer, ReadOnlySpan<double> rows)
    {
        var scores = new double[rows.Length / scorer.Columns];
        scorer.Score(rows, scores);
        return scores;
    }
}
