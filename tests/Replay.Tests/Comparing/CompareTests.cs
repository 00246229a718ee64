using System.Text.Json;
using Monitoring.Hosting;
using Monitoring.Hosting.Tables;
using Monitoring.Replay.Comparing;
using Monitoring.Scoring;
using Monitoring.TestKit;

namespace Monitoring.Replay.Tests.Comparing;

public sealed class CompareTests
{
    private const double Z95 = 1.959963984540054;
    private static readonly string s_demo = Path.Combine(Repository.Root, "infra", "demo");

    [Fact]
    public void Interval_of_the_retrained_digits_model_covers_the_truth()
    {
        // The truth is the difference on the whole population; each repetition sees 500 of its rows.
        var x = NpyFile.Read(Path.Combine(s_demo, "digits-population.X.npy"));
        var y = NpyFile.Read(Path.Combine(s_demo, "digits-population.y.npy"));
        using var runtime = new ScoringRuntime(new ScoringOptions { Device = "cpu" });
        var (a, lossA) = Score(runtime, "digits.onnx", x, y);
        var (b, lossB) = Score(runtime, "digits-v2.onnx", x, y);
        var truth = b.Average(v => v ? 1.0 : 0) - a.Average(v => v ? 1.0 : 0);
        var lossTruth = lossB.Average() - lossA.Average();
        var random = new Random(17);
        const int repetitions = 1000;
        int covered = 0, lossCovered = 0;
        for (var r = 0; r < repetitions; r++)
        {
            var rows = Enumerable.Range(0, 500).Select(_ => random.Next(x.Rows)).ToArray();
            var accuracy = PairedDifference.OfProportions("accuracy", [.. rows.Select(i => a[i])], [.. rows.Select(i => b[i])], Z95);
            covered += accuracy.Low <= truth && truth <= accuracy.High ? 1 : 0;
            var loss = PairedDifference.OfMeans("log-loss", [.. rows.Select(i => lossA[i])], [.. rows.Select(i => lossB[i])], Z95);
            lossCovered += loss.Low <= lossTruth && lossTruth <= loss.High ? 1 : 0;
        }

        Assert.InRange(covered / (double)repetitions, 0.93, 0.99);
        Assert.InRange(lossCovered / (double)repetitions, 0.90, 0.99);
    }

    [Theory]
    [InlineData(0.95, 0.03, 0.02, 60)]
    [InlineData(0.90, 0.05, 0.05, 200)]
    [InlineData(0.99, 0.005, 0.01, 1000)]
    public void Interval_covers_the_truth_in_simulations(double bothRight, double onlyA, double onlyB, int pairs)
    {
        var total = bothRight + onlyA + onlyB;
        Assert.True(total <= 1.005);
        var random = new Random(pairs);
        const int repetitions = 4000;
        var covered = 0;
        for (var r = 0; r < repetitions; r++)
        {
            var (a, b) = (new bool[pairs], new bool[pairs]);
            for (var i = 0; i < pairs; i++)
            {
                var u = random.NextDouble() * total;
                (a[i], b[i]) = (u < bothRight + onlyA, u < bothRight || u >= bothRight + onlyA);
            }

            var interval = PairedDifference.OfProportions("accuracy", a, b, Z95);
            var truth = (onlyB - onlyA) / total;
            covered += interval.Low <= truth && truth <= interval.High ? 1 : 0;
        }

        Assert.InRange(covered / (double)repetitions, 0.93, 1);
    }

    [Fact]
    public void Difference_of_means_is_that_of_the_pairs()
    {
        var d = PairedDifference.OfMeans("x", [1, 2, 3, 4], [2, 3, 5, 4], Z95);
        Assert.Equal((2.5, 3.5, 1.0), (d.A, d.B, d.Difference));
        Assert.Equal(Z95 * Math.Sqrt(2.0 / 3 / 4), d.High - 1, 1e-12);
        Assert.Throws<ArgumentException>(() => PairedDifference.OfMeans("x", [], [], Z95));
    }

    [Theory]
    [InlineData("accuracy >= -0.01", true)]
    [InlineData("accuracy >= 0.05", false)]
    [InlineData("log-loss <= 0.5", true)]
    [InlineData("agreement >= 0.5", true)]
    [InlineData("agreement >= 0.9999", false)]
    public async Task Gate_decides_on_the_worse_end(string requirement, bool holds)
    {
        using var directory = new TemporaryDirectory();
        var config = directory.File("monitoring.yaml");
        await File.WriteAllTextAsync(config, $$"""
            data: data
            models:
              - name: digits
                version: "1"
                onnx: { path: '{{Path.Combine(s_demo, "digits.onnx")}}' }
                schema: '{{Path.Combine(s_demo, "digits.schema.json")}}'
                versions: [{ version: "2", onnx: { path: '{{Path.Combine(s_demo, "digits-v2.onnx")}}' } }]
            """, TestContext.Current.CancellationToken);
        string[] args = ["compare", "--config", config, "--a", "1", "--b", "2", "--data", Path.Combine(s_demo, "digits-population.X.npy"), "--divide", "255", "--labels", Path.Combine(s_demo, "digits-population.y.npy"), "--json", directory.File("c.json")];
        Assert.Equal(holds ? 0 : 1, await RunAsync([.. args, "--require", requirement]));
        var whole = JsonDocument.Parse(await File.ReadAllTextAsync(directory.File("c.json"), TestContext.Current.CancellationToken)).RootElement.GetProperty("results")[0];
        var accuracy = whole.GetProperty("differences").EnumerateArray().Single(d => d.GetProperty("measure").GetString() == "accuracy");

        // infra/demo/README.md: 0.9743 and 0.9820 on the population.
        Assert.Equal(0.9743, accuracy.GetProperty("a").GetDouble(), 5e-4);
        Assert.Equal(0.9820, accuracy.GetProperty("b").GetDouble(), 5e-4);
        Assert.Equal(2, await RunAsync([.. args, "--require", "beauty >= 1"]));
        Assert.Equal(2, await RunAsync(["compare", "--config", config, "--a", "1", "--b", "9", "--data", "x.npy"]));
    }

    private static (bool[] Right, double[] Loss) Score(ScoringRuntime runtime, string file, NpyFile x, NpyFile y)
    {
        using var model = runtime.LoadFile(file, Path.Combine(s_demo, file));
        var right = new bool[x.Rows];
        var loss = new double[x.Rows];
        for (var start = 0; start < x.Rows; start += 500)
        {
            var rows = x.Values.Skip(start * 784).Take(500 * 784).Select(v => v / 255).ToArray();
            var output = model.Run([ScoringTensor.Create("image", rows, 500, 1, 28, 28)], ["probabilities"])[0];
            for (var i = 0; i < 500; i++)
            {
                var p = output.AsSpan<float>().Slice(i * 10, 10);
                right[start + i] = ModelComparison.Top(p) == (int)y.Values[start + i];
                loss[start + i] = -Math.Log(Math.Max(1e-12, p[(int)y.Values[start + i]]));
            }
        }

        return (right, loss);
    }

    private static Task<int> RunAsync(string[] args) => MonitoringApplication.RunAsync(args, [new ReplayModule()], new CompareVerb([new ReplayModule()]));
}
