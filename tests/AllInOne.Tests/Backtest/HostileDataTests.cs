using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.AllInOne.Backtest;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Drift;
using Monitoring.Outlier;
using Monitoring.Scoring;
using Monitoring.TestKit;

namespace Monitoring.AllInOne.Tests;

/// <summary>Every kind of drift and outlier on data that nobody wished for: no score that is no number, no exception but a clear one.</summary>
public sealed class HostileDataTests : IAsyncLifetime
{
    private static readonly string[] s_shapes = ["clean", "constant", "nan", "infinite", "huge", "extreme", "denormal", "duplicates", "two-rows", "copies", "one-column", "categories", "mixed"];
    private static readonly IReadOnlyList<(string Name, Family Family)> s_kinds = Registered();
    private readonly TemporaryDirectory _folder = new();
    private ServiceProvider _provider = null!;
    private BacktestEngine _engine = null!;

    /// <summary>Every registered kind of drift and outlier: a new one is tested without being named here.</summary>
    public static TheoryData<string> Kinds => [.. s_kinds.Select(k => k.Name)];

    public static TheoryData<string> OutlierKinds => [.. s_kinds.Where(k => k.Family == Family.Outlier).Select(k => k.Name)];

    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var (kind, _) in s_kinds)
            {
                foreach (var shape in s_shapes)
                {
                    data.Add(kind, shape);
                }
            }

            return data;
        }
    }

    public ValueTask InitializeAsync()
    {
        _provider = BacktestVerb.BuildServices([new OutlierModule(), new DriftModule()], "cpu");
        _engine = new BacktestEngine(new MonitorKinds(_provider.GetServices<IMonitorKind>()), "cpu");
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _provider.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Hostile_rows_get_finite_scores_or_a_clear_refusal(string kind, string shape)
    {
        var schema = Schema(shape);
        var reference = Rows(schema, 200, shape is "infinite" or "huge" or "extreme" or "nan" ? "clean" : shape, 1);
        BacktestResult result;
        try
        {
            result = await RunAsync(kind, reference, Rows(schema, 60, shape, 2));
        }
        catch (FitException e)
        {
            // Nothing to compare with, or nothing this kind looks at: said in a sentence.
            Assert.Contains(kind, e.Message, StringComparison.Ordinal);
            Assert.True(shape is "constant" or "copies" or "categories" || kind == "chi2", $"{kind} refuses {shape}: {e.Message}");
            return;
        }

        AssertFinite(result, 60);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Hostile_reference_gives_a_working_monitor_or_a_clear_refusal(string kind, string shape)
    {
        var schema = Schema(shape);
        try
        {
            AssertFinite(await RunAsync(kind, Rows(schema, 200, shape, 3), Rows(schema, 30, "clean", 4)), 30);
        }
        catch (FitException e)
        {
            Assert.Contains(kind, e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Too_few_reference_rows_are_refused_with_the_number_needed(string kind)
    {
        var schema = kind == "chi2" ? Schema("categories") : ModelSchema.Numeric(3);
        var refusal = await Assert.ThrowsAsync<FitException>(() => RunAsync(kind, Rows(schema, 1, "clean", 1), Rows(schema, 5, "clean", 2)));
        Assert.Matches(@"at least \d+\b", refusal.Message);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Single_and_empty_data_are_judged(string kind)
    {
        var schema = kind == "chi2" ? Schema("categories") : ModelSchema.Numeric(3);
        AssertFinite(await RunAsync(kind, Rows(schema, 300, "clean", 1), Rows(schema, 1, "clean", 2)), 1);
        AssertFinite(await RunAsync(kind, Rows(schema, 300, "clean", 1), Rows(schema, 0, "clean", 2)), 0);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Ten_thousand_columns_are_judged_or_clearly_refused(string kind)
    {
        var schema = ModelSchema.Numeric(10_000);
        try
        {
            AssertFinite(await RunAsync(kind, Rows(schema, 210, "clean", 1), Rows(schema, 25, "clean", 2)), 25);
        }
        catch (FitException e)
        {
            Assert.True(kind is "adwin" or "page-hinkley" or "chi2", $"{kind} refuses wide rows: {e.Message}");
            Assert.Contains(kind, e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(OutlierKinds))]
    public async Task P_values_of_clean_rows_are_uniform(string kind)
    {
        var schema = ModelSchema.Numeric(5);
        var result = await RunAsync(kind, Rows(schema, 2_000, "clean", 5), Rows(schema, 2_000, "clean", 6));

        // Kolmogorov's distance to the uniform law: the 1 ‰ point for n = m = 2,000 is 0.062.
        var sorted = result.P!.Order().ToArray();
        var distance = sorted.Select((p, i) => Math.Max(Math.Abs(p - ((double)i / sorted.Length)), Math.Abs(p - ((i + 1.0) / sorted.Length)))).Max();
        Assert.InRange(distance, 0, 0.062);
    }

    [Fact]
    public async Task An_unseen_category_and_a_missing_value_score_above_every_usual_row()
    {
        var schema = new ModelSchema([new FeatureSchema("a"), new FeatureSchema("city") { Type = FeatureType.Categorical, Categories = ["x", "y", "z"] }]);
        var reference = Rows(schema, 300, "categories", 1);
        var usual = await RunAsync("outlier", reference, Rows(schema, 100, "categories", 2));
        var odd = await RunAsync("outlier", reference, ReferenceData.FromMatrix(reference.Model, [0, -1, float.NaN, 1], 2));
        Assert.All(odd.P!, p => Assert.InRange(p, 0, 0.02));
        Assert.True(odd.Score!.Min() > usual.Score!.Order().ElementAt(95));
    }

    [Fact]
    public async Task Unknown_kind_lists_the_known_ones()
    {
        var schema = ModelSchema.Numeric(1);
        var error = await Assert.ThrowsAsync<KeyNotFoundException>(() => RunAsync("nope", Rows(schema, 100, "clean", 1), Rows(schema, 1, "clean", 1)));
        Assert.Contains("knn", error.Message, StringComparison.Ordinal);
        Assert.Contains("mmd", error.Message, StringComparison.Ordinal);
    }

    private static ModelSchema Schema(string shape) => shape switch
    {
        "one-column" => ModelSchema.Numeric(1),
        "categories" => new ModelSchema([new FeatureSchema("city") { Type = FeatureType.Categorical, Categories = ["x", "y", "z"] }]),
        "mixed" => new ModelSchema(
        [
            new FeatureSchema("number"),
            new FeatureSchema("city") { Type = FeatureType.Categorical, Categories = [.. Enumerable.Range(0, 1_000).Select(i => $"town {i}")] },
            new FeatureSchema("nothing") { Type = FeatureType.Categorical, Categories = [] },
            new FeatureSchema("constant"),
        ]),
        _ => ModelSchema.Numeric(4),
    };

    private static RowBatch Rows(ModelSchema schema, int rows, string shape, int seed)
    {
        var random = new Random(seed);
        var values = new float[rows * schema.Width];
        for (var i = 0; i < values.Length; i++)
        {
            var normal = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
            values[i] = shape == "mixed" ? (i % 4) switch
            {
                0 => random.Next(5) == 0 ? float.NaN : normal,
                1 => random.Next(-1, 1_200),
                2 => -1,
                _ => 3,
            }
            : schema.Features[i % schema.Width].Type == FeatureType.Categorical ? random.Next(3) : shape switch
            {
                "constant" => 7,
                "nan" => i % 3 == 0 ? normal : float.NaN,
                "infinite" => i % 2 == 0 ? float.PositiveInfinity : float.NegativeInfinity,
                "huge" => normal * 1e37f,

                // Half of them beyond single precision, as 1e300 is when it is read.
                "extreme" => normal * 3e38f,
                "denormal" => normal * 1e-41f,
                "two-rows" => (i / schema.Width * 2654435761u >> 7) % 2 == 0 ? i % schema.Width : -1.5f * (i % schema.Width),
                "copies" => i % schema.Width * 1.25f,
                "duplicates" => random.Next(2),
                _ => normal,
            };
        }

        return ReferenceData.FromMatrix(new ModelDescription { Name = "hostile", Version = "1", Schema = schema }, values, rows);
    }

    private static void AssertFinite(BacktestResult result, int rows)
    {
        Assert.Equal(rows, result.Rows);
        if (result.Score is not null)
        {
            Assert.Equal(rows, result.Score.Count);
            Assert.All(result.Score, s => Assert.True(double.IsFinite(s), $"score {s}"));
            Assert.All(result.P!, p => Assert.InRange(p, 0, 1));
        }

        foreach (var window in result.Windows ?? [])
        {
            Assert.True(double.IsFinite(window.Statistic), $"statistic {window.Statistic}");
            Assert.InRange(window.P, 0, 1);
        }

        Assert.DoesNotContain(result.LogEvidence ?? [], double.IsNaN);
    }

    private Task<BacktestResult> RunAsync(string kind, RowBatch reference, RowBatch data) =>
        _engine.RunAsync(new BacktestRequest(kind, Options(kind, reference.Width), "", "", null, 1e4), reference, data, null, TestContext.Current.CancellationToken);

    // What a kind cannot do without: a file; and windows that a short reference can fill.
    private Dictionary<string, string> Options(string kind, int width) => kind switch
    {
        "onnx" or "autoencoder" => new(StringComparer.Ordinal) { ["file"] = Graph(kind, width) },
        "mmd-online" => new(StringComparer.Ordinal) { ["window"] = "10", ["expectedRunTime"] = "100" },
        _ => new(StringComparer.Ordinal),
    };

    private string Graph(string kind, int width)
    {
        var file = Path.Combine(_folder.Path, string.Create(CultureInfo.InvariantCulture, $"{kind}-{width}.onnx"));
        if (!File.Exists(file))
        {
            var g = new OnnxGraphBuilder(kind);
            var x = g.Input("x", TensorType.Float32, "n", width);
            if (kind == "onnx")
            {
                g.Output("score", g.ReduceSumSquare(x, true, 1), TensorType.Float32, "n", 1);
            }
            else
            {
                g.Output("y", g.Mul(x, g.Scalar(TensorType.Float32, 0.5)), TensorType.Float32, "n", width);
            }

            File.WriteAllBytes(file, g.Build());
        }

        return file;
    }

    private static IReadOnlyList<(string Name, Family Family)> Registered()
    {
        using var provider = BacktestVerb.BuildServices([new OutlierModule(), new DriftModule()], "cpu");
        return [.. provider.GetServices<IMonitorKind>().Select(k => (k.Name, k.Family)).OrderBy(k => k.Name, StringComparer.Ordinal)];
    }
}
