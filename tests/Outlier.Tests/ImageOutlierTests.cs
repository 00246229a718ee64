using Monitoring.Detection;
using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Outlier.Tests;

/// <summary>The default and the autoencoder on the demo's digits.</summary>
public sealed class ImageOutlierTests : IDisposable
{
    private const int Pixels = 784;
    private static readonly string s_demo = FindDemo();
    private readonly ScoringRuntime _runtime = new(new ScoringOptions { Device = "cpu" });

    public void Dispose() => _runtime.Dispose();

    [Fact]
    public async Task Every_odd_image_is_unusual_in_some_respect_and_clean_ones_are_uniform()
    {
        var digits = Digits();
        var model = Model(embedding: true);
        var reference = await RowsAsync(model, digits[..(1_500 * Pixels)]);
        var kind = new OutlierKind(NeighbourSearches.OnVectors);
        var options = MonitorOptions.Create(kind);
        var fitted = await kind.FitAsync(new FitContext(model, ReferenceData.Split(reference), options, 1), TestContext.Current.CancellationToken);
        var monitor = kind.Create(new MonitorContext("o", model, options, fitted.Bytes, 1));
        var calibration = new ConformalCalibration([.. fitted.Calibration![0].Values]);
        var clean = (await ScoreAsync(monitor, await RowsAsync(model, digits[(1_500 * Pixels)..(2_500 * Pixels)]))).Select(s => calibration.PValue(s)).Order().ToArray();
        var distance = clean.Select((p, i) => Math.Max(Math.Abs(p - ((double)i / clean.Length)), Math.Abs(p - ((i + 1.0) / clean.Length)))).Max();

        // 1 ‰ point of Kolmogorov's law for 1,500 and 1,000.
        Assert.InRange(distance, 0, 0.08);

        var random = new Random(3);
        float[] one = digits[(2_600 * Pixels)..(2_601 * Pixels)];
        float[] blank = new float[Pixels], white = [.. Enumerable.Repeat(1f, Pixels)], noise = [.. Enumerable.Range(0, Pixels).Select(_ => random.NextSingle())];
        float[] negative = [.. one.Select(v => 1 - v)], missing = [.. one.Select((v, i) => i % 7 == 0 ? float.NaN : v)];
        var odd = await ScoreAsync(monitor, await RowsAsync(model, [.. blank, .. white, .. noise, .. negative, .. missing]));
        Assert.All(odd, s => Assert.InRange(calibration.PValue(s), 0, 0.01));
    }

    [Fact]
    public async Task Without_an_embedding_it_says_so_and_works()
    {
        var digits = Digits();
        var model = Model(embedding: false);
        var kind = new OutlierKind(NeighbourSearches.OnVectors);
        var options = MonitorOptions.Create(kind);
        var context = new FitContext(model, ReferenceData.Split(ReferenceData.FromMatrix(model, digits[..(300 * Pixels)], 300)), options, 1);
        var fitted = await kind.FitAsync(context, TestContext.Current.CancellationToken);
        Assert.Contains(context.Warnings, w => w.Contains("no embedding", StringComparison.Ordinal));
        var monitor = kind.Create(new MonitorContext("o", model, options, fitted.Bytes, 1));
        var scores = await ScoreAsync(monitor, ReferenceData.FromMatrix(model, new float[Pixels], 1));
        Assert.True(new ConformalCalibration([.. fitted.Calibration![0].Values]).PValue(scores[0]) <= 0.01);
    }

    [Fact]
    public async Task The_demos_autoencoder_ranks_turned_digits_above_upright_ones()
    {
        var digits = Digits();
        var model = Model(embedding: false);
        var graphs = new RowGraphs(_runtime);
        var kind = new AutoencoderKind(graphs);
        var options = MonitorOptions.Create(kind, new Dictionary<string, string>(StringComparer.Ordinal) { ["file"] = Path.Combine(s_demo, "digits-autoencoder.onnx") });
        var fitted = await kind.FitAsync(new FitContext(model, ReferenceData.Split(ReferenceData.FromMatrix(model, digits[..(500 * Pixels)], 500)), options, 1), TestContext.Current.CancellationToken);
        var monitor = kind.Create(new MonitorContext("a", model, options, fitted.Bytes, 1));
        var upright = digits[(500 * Pixels)..(900 * Pixels)];
        var turned = new float[upright.Length];
        for (var i = 0; i < turned.Length; i++)
        {
            var (image, y, x) = (i / Pixels, i % Pixels / 28, i % 28);
            turned[i] = upright[(image * Pixels) + (x * 28) + (27 - y)];
        }

        double[] scores = [.. (await ScoreAsync(monitor, ReferenceData.FromMatrix(model, [.. upright, .. turned], 800))).Select(s => (double)s)];
        bool[] labels = [.. Enumerable.Range(0, 800).Select(i => i >= 400)];

        // train.py measured 0.913 on all 6,000 with torch; the standard error of 400 against 400 is 0.01.
        Assert.InRange(RankedClassification.AreaUnderRoc(scores, labels), 0.87, 0.96);
    }

    private static async Task<float[]> ScoreAsync(IMonitor monitor, RowBatch rows) => (await monitor.ScoreAsync(rows, TestContext.Current.CancellationToken)).Values;

    private Task<RowBatch> RowsAsync(ModelDescription model, float[] pixels)
    {
        var rows = pixels.Length / Pixels;
        using var digits = _runtime.LoadFile("digits", Path.Combine(s_demo, "digits.onnx"));

        // A served model answers NaN pixels too, with something.
        float[] finite = [.. pixels.Select(p => float.IsNaN(p) ? 0 : p)];
        var embedding = digits.Run([ScoringTensor.Create("image", finite, rows, 1, 28, 28)], ["embedding"])[0].AsSpan<float>().ToArray();
        return Task.FromResult(ReferenceData.FromMatrix(model, pixels, rows, [embedding]));
    }

    private static ModelDescription Model(bool embedding) => new()
    {
        Name = "digits",
        Version = "1",
        Schema = ModelSchema.ForImage("image", new ImageLayout(28, 28)),
        Outputs = embedding ? [new OutputTensor("embedding", 64, OutputRole.Embedding)] : [],
    };

    // NumPy format 1.0, uint8, C order.
    private static float[] Digits()
    {
        var bytes = File.ReadAllBytes(Path.Combine(s_demo, "digits-population.X.npy"));
        var header = 10 + BitConverter.ToUInt16(bytes, 8);
        return [.. bytes.Skip(header).Take(2_700 * Pixels).Select(b => b / 255f)];
    }

    private static string FindDemo()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (Directory.Exists(Path.Combine(folder.FullName, "infra", "demo")))
            {
                return Path.Combine(folder.FullName, "infra", "demo");
            }
        }

        throw new DirectoryNotFoundException("infra/demo is in no folder above the tests");
    }
}
