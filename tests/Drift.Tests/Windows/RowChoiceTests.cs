using System.Buffers;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Detection;
using Monitoring.Scoring;
using Monitoring.TestKit;

namespace Monitoring.Drift.Tests;

/// <summary><c>on</c>, <c>encoder</c> and <c>segment</c>: any kind over outputs, tensors, embeddings and parts of the traffic.</summary>
public sealed class RowChoiceTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _folder = new();
    private ServiceProvider _provider = null!;
    private MonitorKinds _kinds = null!;

    private static ModelDescription Model { get; } = new()
    {
        Name = "m",
        Version = "1",
        Schema = new ModelSchema([new FeatureSchema("x"), new FeatureSchema("y"), new FeatureSchema("city") { Type = FeatureType.Categorical, Categories = ["rome", "oslo", "lima"] }]),
        Outputs = [new OutputTensor("probabilities", 2, OutputRole.Probabilities), new OutputTensor("hidden", 3, OutputRole.Embedding)],
    };

    public ValueTask InitializeAsync()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddMetrics();
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(_ => new ScoringRuntime(new ScoringOptions { Device = "cpu" }));
        services.AddSingleton<ScoringKernels>();
        new DriftModule().ConfigureServices(services);
        _provider = services.BuildServiceProvider();
        _kinds = new MonitorKinds(_provider.GetServices<IMonitorKind>());
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _provider.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("ks", "inputs", "x,y")]
    [InlineData("ks", "outputs", "probabilities[0],probabilities[1]")]
    [InlineData("ks", "entropy", "output entropy")]
    [InlineData("ks", "doubt", "output doubt")]
    [InlineData("ks", "hidden", "hidden[0],hidden[1],hidden[2]")]
    [InlineData("page-hinkley", "auto", "output entropy")]
    public async Task On_names_what_is_watched(string kind, string on, string variables)
    {
        var monitor = await CreateAsync(kind, ("on", on));
        Assert.Equal(variables.Split(','), monitor.Variables.Select(v => v.Name));
    }

    [Fact]
    public async Task A_change_of_a_tensor_is_seen_by_the_monitor_on_it_and_by_no_other()
    {
        var rows = Rows(3_000, 5, hiddenShift: 1);
        Assert.True((await EvidenceAsync(await CreateAsync("ks", ("on", "hidden")), rows)).Max() > 1e4);
        Assert.True((await EvidenceAsync(await CreateAsync("ks", ("on", "inputs")), rows)).Max() < 1e4);
    }

    [Fact]
    public async Task An_encoder_file_is_read_once_and_kept_in_the_profile()
    {
        var g = new OnnxGraphBuilder("encoder");
        var x = g.Input("x", TensorType.Float32, "n", 3);
        g.Output("sum", g.ReduceSum(x, true, 1), TensorType.Float32, "n", 1);
        var file = Path.Combine(_folder.Path, "encoder.onnx");
        File.WriteAllBytes(file, g.Build());
        var kind = _kinds["mmd"];
        var options = MonitorOptions.Create(kind, new Dictionary<string, string>(StringComparer.Ordinal) { ["on"] = "hidden", ["encoder"] = file });
        var fitted = await kind.FitAsync(new FitContext(Model, ReferenceData.Split(Rows(2_000, 1)), options, 3), TestContext.Current.CancellationToken);
        File.Delete(file);
        var monitor = kind.Create(new MonitorContext("m", Model, options, fitted.Bytes, 3));
        Assert.True((await EvidenceAsync(monitor, Rows(3_000, 2, hiddenShift: 1))).Max() > 1e4);
    }

    [Fact]
    public async Task Every_segment_is_compared_with_its_own_reference()
    {
        // In oslo x moves by one; the mean over all cities moves by a third of that.
        var monitor = await CreateAsync("ks", ("segment", "city"), ("window", "200"));
        Assert.Equal(["x (city rome)", "y (city rome)", "x (city oslo)", "y (city oslo)", "x (city lima)", "y (city lima)"], monitor.Variables.Select(v => v.Name));
        var rows = Rows(3_000, 7, osloShift: 1);
        var evidence = await EvidenceAsync(monitor, rows);
        Assert.True(evidence.Max() > 1e4);
        var strongest = await StrongestAsync(await CreateAsync("ks", ("segment", "city"), ("window", "200")), rows);
        Assert.Equal("x (city oslo)", strongest);
    }

    [Fact]
    public async Task Evidence_is_calibrated_by_segment()
    {
        var kind = _kinds["evidence"];
        var options = MonitorOptions.Create(kind, new Dictionary<string, string>(StringComparer.Ordinal) { ["segment"] = "city", ["outputs"] = "false" });

        // In the reference oslo lies one higher: each segment's clean values are its own.
        var reference = ReferenceData.Split(Rows(3_000, 1, osloShift: 1));
        var fitted = await kind.FitAsync(new FitContext(Model, reference, options, 42), TestContext.Current.CancellationToken);
        var monitor = kind.Create(new MonitorContext("w", Model, options, fitted.Bytes, 42));
        var index = monitor.Variables.Select((v, i) => (v.Name, i)).ToDictionary(v => v.Name, v => v.i, StringComparer.Ordinal);
        double Mean(string name) => fitted.Calibration!.Where(c => c.Variable == index[name]).SelectMany(c => c.Values).Average();
        Assert.InRange(Mean("x (city oslo)"), 0.85, 1.15);
        Assert.InRange(Mean("x (city rome)"), -0.15, 0.15);
        Assert.All(fitted.Calibration!.Where(c => c.Variable == index["x (city oslo)"]).SelectMany(c => c.Rows), r => Assert.Equal(1, reference.All.Input(r)[2]));
    }

    [Fact]
    public async Task State_of_segments_continues_bit_for_bit()
    {
        var rows = Rows(1_500, 9, osloShift: 0.5f);
        var whole = await CreateAsync("page-hinkley", ("segment", "city"), ("on", "inputs"));
        var expected = await BetsAsync(whole, rows);
        var first = await CreateAsync("page-hinkley", ("segment", "city"), ("on", "inputs"));
        var part = await BetsAsync(first, rows.Slice(0, 700));
        var keys = new List<string>();
        first.State!.TakeDirtyKeys(keys);
        Assert.Equal(["0/", "1/", "2/"], keys);
        var second = await CreateAsync("page-hinkley", ("segment", "city"), ("on", "inputs"));
        foreach (var key in keys)
        {
            var buffer = new ArrayBufferWriter<byte>();
            Assert.True(first.State.Save(key, buffer));
            second.State!.Restore(key, buffer.WrittenSpan);
        }

        double[] joined = [.. part, .. await BetsAsync(second, rows.Slice(700, 800))];
        Assert.Equal(expected, joined);
    }

    [Theory]
    [InlineData("on", "loss", "no 'loss' to watch")]
    [InlineData("segment", "town", "no column 'town'")]
    [InlineData("segment", "x", "comes 100 times")]
    [InlineData("encoder", "nowhere.onnx", "cannot be read")]
    public async Task What_is_not_there_is_named(string key, string value, string message)
    {
        var error = await Assert.ThrowsAsync<FitException>(async () => await CreateAsync("ks", (key, value)));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reference_without_the_outputs_is_refused()
    {
        var kind = _kinds["ks"];
        var options = MonitorOptions.Create(kind, new Dictionary<string, string>(StringComparer.Ordinal) { ["on"] = "entropy" });
        var bare = ReferenceData.Split(ReferenceData.FromMatrix(Model, new float[300], 100));
        var error = await Assert.ThrowsAsync<FitException>(async () => await kind.FitAsync(new FitContext(Model, bare, options, 1), TestContext.Current.CancellationToken));
        Assert.Contains("no value of what is watched", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_encoder_of_another_width_is_refused()
    {
        var g = new OnnxGraphBuilder("encoder");
        g.Output("y", g.Input("x", TensorType.Float32, "n", 7), TensorType.Float32, "n", 7);
        var file = Path.Combine(_folder.Path, "wide.onnx");
        File.WriteAllBytes(file, g.Build());
        var error = await Assert.ThrowsAsync<FitException>(async () => await CreateAsync("ks", ("encoder", file)));
        Assert.Contains("rows of 3 values", error.Message, StringComparison.Ordinal);
        File.WriteAllBytes(file, [1, 2, 3]);
        Assert.Contains("no model", (await Assert.ThrowsAsync<FitException>(async () => await CreateAsync("ks", ("encoder", file)))).Message, StringComparison.Ordinal);
    }

    private async Task<IMonitor> CreateAsync(string name, params (string Key, string Value)[] values)
    {
        var kind = _kinds[name];
        var options = MonitorOptions.Create(kind, values.ToDictionary(v => v.Key, v => v.Value, StringComparer.Ordinal));
        var fitted = await kind.FitAsync(new FitContext(Model, ReferenceData.Split(Rows(3_000, 1)), options, 42), TestContext.Current.CancellationToken);
        return kind.Create(new MonitorContext("w", Model, options, fitted.Bytes, 42));
    }

    private static RowBatch Rows(int count, int seed, float hiddenShift = 0, float osloShift = 0)
    {
        var random = new Random(seed);
        float Normal() => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        float[] inputs = new float[count * 3], probabilities = new float[count * 2], hidden = new float[count * 3];
        for (var r = 0; r < count; r++)
        {
            var city = random.Next(3);
            inputs[r * 3] = Normal() + (city == 1 ? osloShift : 0);
            inputs[(r * 3) + 1] = Normal();
            inputs[(r * 3) + 2] = city;
            probabilities[r * 2] = 1 / (1 + MathF.Exp(-Normal()));
            probabilities[(r * 2) + 1] = 1 - probabilities[r * 2];
            for (var h = 0; h < 3; h++)
            {
                hidden[(r * 3) + h] = Normal() + hiddenShift;
            }
        }

        return ReferenceData.FromMatrix(Model, inputs, count, [probabilities, hidden]);
    }

    private static async Task<List<double>> BetsAsync(IMonitor monitor, RowBatch rows)
    {
        var sink = new BetSink(monitor.Variables.Count);
        var scores = await monitor.ScoreAsync(rows, TestContext.Current.CancellationToken);
        for (var row = 0; row < rows.Count; row++)
        {
            sink.Begin();
            monitor.Apply(rows, row, scores, sink);
        }

        return sink.Bets;
    }

    private static async Task<double[]> EvidenceAsync(IMonitor monitor, RowBatch rows) => (await PathsAsync(monitor, rows)).Select(r => r.Average()).ToArray();

    private static async Task<string> StrongestAsync(IMonitor monitor, RowBatch rows)
    {
        var largest = (await PathsAsync(monitor, rows)).Aggregate((a, b) => [.. a.Zip(b, Math.Max)]);
        return monitor.Variables[Array.IndexOf(largest, largest.Max())].Name;
    }

    private static async Task<List<double[]>> PathsAsync(IMonitor monitor, RowBatch rows)
    {
        var bets = await BetsAsync(monitor, rows);
        var sr = new double[monitor.Variables.Count];
        var path = new List<double[]>();
        for (var row = 0; row < rows.Count; row++)
        {
            for (var v = 0; v < sr.Length; v++)
            {
                var bet = bets[(row * sr.Length) + v];
                sr[v] = (sr[v] + 1) * (double.IsNaN(bet) ? 1 : Math.Exp(bet));
            }

            path.Add([.. sr]);
        }

        return path;
    }

    private sealed class BetSink(int variables) : IObservationSink
    {
        public List<double> Bets { get; } = [];

        public void Begin() => Bets.AddRange(Enumerable.Repeat(double.NaN, variables));

        public void Observe(int variable, double value, string subject = "") => throw new NotSupportedException();

        public void Bet(int variable, double logIncrement, string subject = "") => Bets[^(variables - variable)] = logIncrement;

        public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "") => throw new NotSupportedException();

        public void Report(CertainFinding finding) => throw new NotSupportedException();
    }
}
