using System.Buffers;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Detection;
using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Drift.Tests;

/// <summary>The window kinds: their tests against oracles, their evidence on clean and changed streams, their state over a restart.</summary>
public sealed class WindowKindTests : IAsyncLifetime
{
    private ServiceProvider _provider = null!;
    private MonitorKinds _kinds = null!;

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

    public ValueTask DisposeAsync() => _provider.DisposeAsync();

    [Theory]
    [InlineData(60, 40, 4)]
    [InlineData(200, 50, 30)]
    public void The_graphs_statistic_is_the_double_precision_formula(int n, int m, int columns)
    {
        var reference = Gaussian(n * columns, 1);
        var window = Gaussian(m * columns, 2, 0.3f);
        var sigma = GaussianKernel.MedianHeuristic(Wide(reference), columns);
        var test = new MmdPermutationTest(_provider.GetRequiredService<MmdSessions>(), reference, columns, sigma);
        var result = test.Test(window, 50, 3, TestContext.Current.CancellationToken);
        var exact = MaximumMeanDiscrepancy.Squared(Wide(reference), Wide(window), columns, sigma);
        Assert.Equal(exact, result.Statistic, 2e-6);
        Assert.Equal(result, test.Test(window, 50, 3, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("lsdd")]
    [InlineData("classifier")]
    public async Task Window_p_values_hold_their_level(string kind)
    {
        // p ≤ 5 % in 200 windows of clean rows against ten references: the 99.9 % binomial margin is 21; the same rows of a reference are used 20 times.
        var rejected = 0;
        for (var trial = 0; trial < 10; trial++)
        {
            var monitor = (IWindowedMonitor)await CreateAsync(kind, Gaussian(600 * 3, 500 + trial), ("window", "100"));
            monitor.WindowClosed = w => rejected += w.PValue <= 0.05 ? 1 : 0;
            await FeedAsync(monitor, Batch(Gaussian(2_000 * 3, 700 + trial)), 0, 2_000);
        }

        Assert.InRange(rejected, 0, 28);
    }

    [Fact]
    public void Type_I_error_of_mmd_lies_within_the_binomial_margin()
    {
        // p = k/100 exactly uniform for exchangeable rows; 99 % binomial intervals for 400 trials.
        const int Trials = 400;
        var sessions = _provider.GetRequiredService<MmdSessions>();
        var rejected = new int[3];
        for (var trial = 0; trial < Trials; trial++)
        {
            var reference = Gaussian(60 * 3, 1_000 + trial);
            var test = new MmdPermutationTest(sessions, reference, 3, 1.5);
            var p = test.Test(Gaussian(30 * 3, 9_000 + trial), 99, (ulong)trial, TestContext.Current.CancellationToken).PValue;
            rejected[0] += p <= 0.01 ? 1 : 0;
            rejected[1] += p <= 0.05 ? 1 : 0;
            rejected[2] += p <= 0.10 ? 1 : 0;
        }

        Assert.InRange(rejected[0], 0, 10);
        Assert.InRange(rejected[1], 9, 32);
        Assert.InRange(rejected[2], 25, 56);
    }

    [Theory]
    [InlineData("ks")]
    [InlineData("cvm")]
    [InlineData("psi")]
    [InlineData("jensen-shannon")]
    [InlineData("mmd")]
    [InlineData("mmd-online")]
    [InlineData("lsdd")]
    [InlineData("classifier")]
    [InlineData("adwin")]
    [InlineData("page-hinkley")]
    public async Task Evidence_shrinks_on_clean_rows_and_grows_after_a_shift(string kind)
    {
        // The largest Shiryaev-Roberts value over 4,000 clean draws of 10 streams: at level 10⁵, 0.4 alarms are allowed in all.
        for (var seed = 0; seed < 10; seed++)
        {
            var clean = await RunAsync(kind, Gaussian(3_000 * 3, 10 + seed), Gaussian(4_000 * 3, 40 + seed));
            Assert.True(clean.Max() < 1e5, $"{kind}: evidence {clean.Max():G3} on clean rows, seed {seed}");
        }

        var changed = Gaussian(4_000 * 3, 77);
        for (var i = 0; i < changed.Length; i++)
        {
            changed[i] += i >= 1_000 * 3 && i % 3 == 0 ? 1 : 0;
        }

        var evidence = await RunAsync(kind, Gaussian(3_000 * 3, 10), changed);
        Assert.True(Array.FindIndex(evidence, e => e >= 1e5) is > 1_000 and < 3_500, $"{kind}: the shift of 1σ at row 1,000 is found at {Array.FindIndex(evidence, e => e >= 1e5)}");
    }

    [Theory]
    [InlineData("ks")]
    [InlineData("mmd")]
    [InlineData("mmd-online")]
    [InlineData("lsdd")]
    [InlineData("classifier")]
    [InlineData("adwin")]
    [InlineData("page-hinkley")]
    public async Task Restored_state_continues_bit_for_bit(string kind)
    {
        var rows = Batch(Gaussian(1_700 * 3, 5, 0.2f));
        var whole = await CreateAsync(kind, Gaussian(1_000 * 3, 1));
        var first = await CreateAsync(kind, Gaussian(1_000 * 3, 1));
        var expected = await FeedAsync(whole, rows, 0, 1_700);
        var part = await FeedAsync(first, rows, 0, 1_250);
        var buffer = new ArrayBufferWriter<byte>();
        Assert.True(first.State!.Save("", buffer));
        var second = await CreateAsync(kind, Gaussian(1_000 * 3, 1));
        second.State!.Restore("", buffer.WrittenSpan);
        double[] joined = [.. part, .. await FeedAsync(second, rows, 1_250, 1_700)];
        Assert.Equal(expected, joined);
    }

    [Fact]
    public async Task Chi2_sees_an_unseen_category()
    {
        var schema = new ModelSchema([new FeatureSchema("city") { Type = FeatureType.Categorical, Categories = ["x", "y"] }]);
        var model = new ModelDescription { Name = "m", Version = "1", Schema = schema };
        var random = new Random(1);
        float[] Cities(int rows, double unseen) => [.. Enumerable.Range(0, rows).Select(_ => random.NextDouble() < unseen ? -1f : random.Next(2))];
        var kind = _kinds["chi2"];
        var options = MonitorOptions.Create(kind);
        var reference = ReferenceData.Split(ReferenceData.FromMatrix(model, Cities(1_000, 0), 1_000));
        var fitted = await kind.FitAsync(new FitContext(model, reference, options, 1), TestContext.Current.CancellationToken);
        var monitor = (IWindowedMonitor)kind.Create(new MonitorContext("c", model, options, fitted.Bytes, 1));
        var outcomes = new List<WindowOutcome>();
        monitor.WindowClosed = outcomes.Add;
        var rows = ReferenceData.FromMatrix(model, [.. Cities(500, 0), .. Cities(500, 0.05)], 1_000);
        await FeedAsync(monitor, rows, 0, 1_000);
        Assert.True(outcomes[0].PValue > 1e-3);
        Assert.True(outcomes[1].PValue < 1e-6, $"p {outcomes[1].PValue}");
    }

    private static ModelDescription Model { get; } = new() { Name = "m", Version = "1", Schema = ModelSchema.Numeric(3) };

    private static RowBatch Batch(float[] values) => ReferenceData.FromMatrix(Model, values, values.Length / 3);

    private async Task<IMonitor> CreateAsync(string name, float[] reference, params (string Key, string Value)[] more)
    {
        var kind = _kinds[name];

        // Ten thousand bootstraps a fit are for production.
        var values = more.ToDictionary(m => m.Key, m => m.Value, StringComparer.Ordinal);
        if (name == "mmd-online")
        {
            values["expectedRunTime"] = "200";
            values["maximumReference"] = "600";
        }

        var options = MonitorOptions.Create(kind, values);
        var fitted = await kind.FitAsync(new FitContext(Model, ReferenceData.Split(Batch(reference)), options, 42), TestContext.Current.CancellationToken);
        return kind.Create(new MonitorContext("w", Model, options, fitted.Bytes, 42));
    }

    // The mean of the variables' SR values after each row.
    private async Task<double[]> RunAsync(string kind, float[] reference, float[] stream)
    {
        var monitor = await CreateAsync(kind, reference);
        var bets = await FeedAsync(monitor, Batch(stream), 0, stream.Length / 3);
        var variables = monitor.Variables.Count;
        var sr = new double[variables];
        var path = new double[stream.Length / 3];
        for (var row = 0; row < path.Length; row++)
        {
            for (var v = 0; v < variables; v++)
            {
                var bet = bets[(row * variables) + v];
                sr[v] = (sr[v] + 1) * (double.IsNaN(bet) ? 1 : Math.Exp(bet));
            }

            path[row] = sr.Average();
        }

        return path;
    }

    private static async Task<double[]> FeedAsync(IMonitor monitor, RowBatch rows, int from, int to)
    {
        var sink = new BetSink(monitor.Variables.Count);
        var batch = rows.Slice(from, to - from);
        var scores = await monitor.ScoreAsync(batch, TestContext.Current.CancellationToken);
        for (var row = 0; row < batch.Count; row++)
        {
            sink.Begin();
            monitor.Apply(batch, row, scores, sink);
        }

        return [.. sink.Bets];
    }

    private static float[] Gaussian(int count, int seed, float mean = 0)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => mean + (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
    }

    private static double[] Wide(float[] values) => Array.ConvertAll(values, v => (double)v);

    private sealed class BetSink(int variables) : IObservationSink
    {
        public List<double> Bets { get; } = [];

        public void Begin() => Bets.AddRange(Enumerable.Repeat(double.NaN, variables));

        public void Observe(int variable, double value, string subject = "") => throw new NotSupportedException();

        public void Bet(int variable, double logIncrement, string subject = "")
        {
            Assert.True(double.IsFinite(logIncrement));
            Bets[^(variables - variable)] = logIncrement;
        }

        public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "") => throw new NotSupportedException();

        public void Report(CertainFinding finding) => throw new NotSupportedException();
    }
}
