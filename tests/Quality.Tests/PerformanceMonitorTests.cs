using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Quality.Tests;

public sealed class PerformanceMonitorTests
{
    private const long Day = 86_400_000_000_000;
    private static readonly double s_level = Math.Log(1e6);

    private static readonly ModelDescription s_classifier = new()
    {
        Name = "m",
        Version = "1",
        Schema = ModelSchema.Numeric(1) with { Classes = ["no", "yes"] },
        Outputs = [new OutputTensor("p", 2, OutputRole.Probabilities)],
    };

    private static readonly ModelDescription s_regressor = s_classifier with { Outputs = [new OutputTensor("v", 1, OutputRole.Regression)] };

    [Fact]
    public async Task Accuracy_that_keeps_the_promise_is_silent_and_one_that_falls_is_found_with_its_interval()
    {
        var run = await CreateAsync("accuracy", 0.9);
        var random = new Random(1);
        Feed(run, random, 5_000, 0.9);
        Assert.True(run.Strongest["objective"] < s_level, $"{run.Strongest["objective"]} at the edge of the promise");
        var before = run.Spoken.Count;
        Feed(run, random, 1_000, 0.75);
        var found = run.Spoken.FindIndex(before, s => s.LogEvidence > s_level);
        Assert.InRange(found - before, 20, 400);
        Assert.InRange(run.Spoken[found].Since, 2L * 5_000 - 400, 2L * 6_000);
        Assert.InRange(run.Measure("accuracy"), 0.7, 0.8);
        var details = run.Describe("objective");
        Assert.Matches(@"^accuracy of m is 0\.7\d* \(0\.\d+ to 0\.\d+\) over the last 1000 labelled rows; promised is at least 0\.9$", details.Summary);
        Assert.Equal("accuracy", details.Variable);
        Assert.True(details.Effect!.Value.Size < -0.1);
        Assert.Equal(6_000, run.Measure("labels-joined"));
    }

    [Theory]
    [InlineData("accuracy", 0.8)]
    [InlineData("f1", 0.8)]
    [InlineData("auroc", 0.75)]
    [InlineData("log-loss", 0.55)]
    [InlineData("mae", 1.0)]
    [InlineData("rmse", 1.3)]
    public async Task The_edge_of_every_promise_holds_its_level_and_a_break_is_found(string metric, double threshold)
    {
        // At the edge SR has mean n: P(an alarm within n draws) ≤ n/level. 30 runs of 1,000 at level 20,000: 1.5 alarms at most are expected.
        var alarms = 0;
        for (var seed = 0; seed < 30; seed++)
        {
            var run = await CreateAsync(metric, threshold);
            Feed(run, new Random(seed), 1_000, metric, threshold, broken: false);
            alarms += run.Strongest["objective"] > Math.Log(20_000) ? 1 : 0;
        }

        Assert.InRange(alarms, 0, 6);
        var broken = await CreateAsync(metric, threshold);
        Feed(broken, new Random(77), 3_000, metric, threshold, broken: true);
        Assert.True(broken.Strongest["objective"] > s_level, $"{metric}: {broken.Strongest["objective"]}");
    }

    [Fact]
    public async Task Labels_are_joined_within_the_horizon_and_all_others_are_counted()
    {
        var run = await CreateAsync("accuracy", 0.9, new() { ["maxPending"] = "100", ["horizon"] = "2d" });
        for (var i = 0; i < 150; i++)
        {
            run.Call(Id(i), [0], [0.1f, 0.9f], i, requestId: "r" + Id(i));
        }

        run.Label(Id(149), 1);
        run.Label(Id(149), 0);
        run.Label(Id(10), 1);
        run.Label("nobody", 1);
        run.Label(Id(120), 1, 3 * Day);
        run.Label(new TrueLabel { FeedbackId = "x", Model = "m", RequestId = "r" + Id(130), Label = "yes" });
        run.Label(new TrueLabel { FeedbackId = "y", Model = "m", EventId = Id(131), Label = "perhaps" });
        run.Label(new TrueLabel { FeedbackId = "z", Model = "m", EventId = Id(132), Row = 1, Label = "yes" });
        Assert.Equal((2, 1, 1, 3, 1), (run.Measure("labels-joined"), run.Measure("labels-repeated"), run.Measure("labels-late"), run.Measure("labels-unknown"), run.Measure("labels-unreadable")));

        // Delivered twice is one call; a failed call predicts nothing.
        run.Call(Id(149), [0], [0.1f, 0.9f]);
        run.Call("failed", [0], [float.NaN, float.NaN]);
        run.Label("failed", 1);
        Assert.Equal(4, run.Measure("labels-unknown"));
    }

    [Fact]
    public async Task Restarts_at_any_moment_change_nothing_and_state_is_bounded()
    {
        async Task<LabelledRun> GoAsync(Random? kills)
        {
            var run = await CreateAsync("auroc", 0.7, new() { ["maxPending"] = "1000", ["window"] = "100" });
            var random = new Random(8);
            for (var i = 0; i < 4_000; i++)
            {
                var score = random.NextSingle();
                run.Call(Id(i), [0], [1 - score, score], i, random.NextDouble() < 0.8);
                if (i >= 50)
                {
                    run.Label(Id(i - 50), random.NextDouble() < score ? 1 : 0, i);
                }

                if (kills?.NextDouble() < 0.01)
                {
                    run.Restart();
                }
            }

            run.Restart();
            return run;
        }

        var calm = await GoAsync(null);
        foreach (var seed in new[] { 1, 2, 3 })
        {
            var killed = await GoAsync(new Random(seed));
            Assert.Equal(calm.Spoken, killed.Spoken);
            Assert.Equal(calm.StateBytes, killed.StateBytes);
        }

        Assert.InRange(calm.StateBytes, 1, 120_000);
    }

    [Fact]
    public async Task Without_a_promise_it_shows_and_never_speaks()
    {
        var run = await LabelledRun.CreateAsync(new PerformanceKind(), s_classifier, new float[100], []);
        Assert.False(run.Monitor.HoldsEvidence);
        Feed(run, new Random(1), 500, 0.5);
        Assert.Empty(run.Spoken);
        Assert.InRange(run.Measure("accuracy"), 0.4, 0.6);
        Assert.Contains(run.Monitor.Measures, m => m.Name == "calibration-error" && m.Low <= m.Value && m.Value <= m.High);
    }

    [Theory]
    [InlineData("mae", "1", "is no measure of the classifier")]
    [InlineData("accuracy", "1.5", "promises nothing")]
    [InlineData("accuracy", "0", "promises nothing")]
    public async Task Promises_that_make_no_sense_are_told(string metric, string threshold, string message)
    {
        var error = await Assert.ThrowsAsync<FitException>(() => LabelledRun.CreateAsync(new PerformanceKind(), s_classifier, new float[100], new() { ["metric"] = metric, ["threshold"] = threshold }));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Throws<MonitorOptionsException>(() => MonitorOptions.Create(new PerformanceKind(), new Dictionary<string, string> { ["metric"] = "beauty" }));
    }

    private static string Id(int i) => "e" + i.ToString(CultureInfo.InvariantCulture);

    private static Task<LabelledRun> CreateAsync(string metric, double threshold, Dictionary<string, string>? more = null)
    {
        var options = new Dictionary<string, string>(more ?? []) { ["metric"] = metric, ["threshold"] = threshold.ToString(CultureInfo.InvariantCulture) };
        return LabelledRun.CreateAsync(new PerformanceKind(), metric is "mae" or "rmse" ? s_regressor : s_classifier, new float[100], options);
    }

    private static void Feed(LabelledRun run, Random random, int rows, double accuracy)
    {
        for (var i = 0; i < rows; i++)
        {
            var id = Guid.NewGuid().ToString();
            var says = random.Next(2);
            run.Call(id, [0], says == 1 ? [0.2f, 0.8f] : [0.8f, 0.2f]);
            run.Label(id, random.NextDouble() < accuracy ? says : 1 - says);
        }
    }

    /// <summary>Rows whose measure is the threshold in the limit, or clearly worse.</summary>
    private static void Feed(LabelledRun run, Random random, int rows, string metric, double threshold, bool broken)
    {
        for (var i = 0; i < rows; i++)
        {
            var id = "b" + i.ToString(CultureInfo.InvariantCulture);
            switch (metric)
            {
                case "accuracy":
                    Classify(random.NextDouble() < (broken ? threshold - 0.2 : threshold) ? 1 : 0, 0.8f);
                    break;
                case "f1":
                    // Predicted and true positives each half of the rows; agreeing in a share s of both: F1 = s.
                    var share = broken ? threshold - 0.2 : threshold;
                    var positive = random.Next(2);
                    Classify(random.NextDouble() < share ? positive : 1 - positive, positive == 1 ? 0.8f : 0.2f);
                    break;
                case "auroc":
                    // Scores uniform, those of positives shifted: P(positive above negative) = 1 − (1 − d)²/2.
                    var shift = 1 - Math.Sqrt(2 * (1 - (broken ? threshold - 0.15 : threshold)));
                    var truth = random.Next(2);
                    Classify(truth, (float)((random.NextDouble() + (truth * shift)) / 2));
                    break;
                case "log-loss":
                    Classify(1, (float)Math.Exp(-(broken ? 1.5 * threshold : threshold)));
                    break;
                default:
                    var error = metric == "mae" ? threshold : threshold;
                    run.Call(id, [0], [(float)((broken ? 1.5 : 1) * error)]);
                    run.Label(id, 0);
                    break;
            }

            void Classify(int truth, float score)
            {
                run.Call(id, [0], [1 - score, score]);
                run.Label(id, truth);
            }
        }
    }
}
