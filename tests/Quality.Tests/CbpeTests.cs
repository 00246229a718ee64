using System.Globalization;
using System.Text.Json;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting;
using Monitoring.TestKit;

namespace Monitoring.Quality.Tests;

/// <summary>Performance before labels come: confidence calibrated against the reference's labels, and what is promised.</summary>
public sealed class CbpeTests
{
    private static readonly ModelDescription s_model = new() { Name = "m", Version = "1", Schema = ModelSchema.Numeric(1), Outputs = [new OutputTensor("p", 2, OutputRole.Probabilities)] };
    private static readonly string s_demo = Path.Combine(AppContext.BaseDirectory, "Demo");

    [Fact]
    public async Task A_promise_that_is_kept_gives_no_evidence_and_one_that_is_broken_does_without_a_label()
    {
        var run = await FitAsync("0.7");
        Feed(run, 3_000, seed: 2, low: 0.7, high: 1);

        // Confidence is a tenth too high: 0.85 said is 0.75 true, above the promise.
        Assert.InRange(run.Measure("estimated-accuracy"), 0.72, 0.78);
        Assert.True(run.Strongest["objective"] < Math.Log(1e4), run.Strongest["objective"].ToString(CultureInfo.InvariantCulture));

        Feed(run, 1_000, seed: 3, low: 0.6, high: 0.7);
        Assert.InRange(run.Measure("estimated-accuracy"), 0.5, 0.6);
        Assert.True(run.Evidences["objective"] > Math.Log(1e12));
        Assert.InRange(run.Spoken[^1].Since, 2_500, 3_100);
        var details = run.Describe("objective");
        Assert.Equal("accuracy", details.Variable);
        Assert.Contains("promised is at least 0.7", details.Summary, StringComparison.Ordinal);
        Assert.True(details.Effect!.Value.Size < -0.1);
    }

    [Fact]
    public async Task Restarts_do_not_show_and_a_person_who_closes_the_incident_begins_anew()
    {
        LabelledRun whole = await FitAsync("0.7"), cut = await FitAsync("0.7");
        for (var part = 0; part < 10; part++)
        {
            Feed(whole, 100, seed: part, low: 0.6, high: 0.9);
            Feed(cut, 100, seed: part, low: 0.6, high: 0.9);
            cut.Restart();
        }

        Assert.Equal(whole.Spoken, cut.Spoken);
        Assert.Equal(whole.Measure("estimated-accuracy"), cut.Measure("estimated-accuracy"));

        Feed(cut, 500, seed: 20, low: 0.55, high: 0.6);
        Assert.True(cut.Evidences["objective"] > Math.Log(1e6));
        cut.Monitor.Rearm("a client");
        Feed(cut, 1, seed: 21, low: 0.55, high: 0.6);
        Assert.True(cut.Evidences["objective"] > Math.Log(1e6));
        cut.Monitor.Rearm("");
        cut.Restart();
        Feed(cut, 1, seed: 22, low: 0.55, high: 0.6);
        Assert.True(cut.Evidences["objective"] < Math.Log(10));
    }

    [Fact]
    public async Task What_is_no_independent_draw_is_no_evidence()
    {
        var run = await FitAsync("0.7");
        Feed(run, 500, seed: 4, low: 0.5, high: 0.6, isDraw: false);
        Assert.Empty(run.Spoken);
    }

    [Fact]
    public async Task Only_what_it_can_judge_is_promised_and_without_labels_it_cannot_be_fitted()
    {
        var kind = new CbpeKind();
        Assert.Equal("0.7", kind.Promise("accuracy", 0.7)["threshold"]);
        Assert.Empty(kind.Promise("auroc", 0.7));
        var error = await Assert.ThrowsAsync<FitException>(() => LabelledRun.CreateAsync(kind, s_model, new float[400], [], [new float[800]]));
        Assert.Contains("needs true labels", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Labels_of_the_reference_come_from_the_configuration()
    {
        using var directory = new TemporaryDirectory();
        var config = directory.File("monitoring.yaml");
        string Text(string labels) => $$"""
            data: data
            models:
              - name: flights
                onnx: { path: {{Path.Combine(s_demo, "flights.onnx")}} }
                schema: {{Path.Combine(s_demo, "flights.schema.json")}}
                reference: {{Path.Combine(s_demo, "flights-population.X.npy")}}
                {{labels}}
                monitors: [{ kind: cbpe }]
            """;
        await File.WriteAllTextAsync(config, Text($"referenceLabels: {Path.Combine(s_demo, "flights-population.y.npy")}"), TestContext.Current.CancellationToken);
        var json = directory.File("fit.json");
        Assert.Equal(0, await FitVerbAsync("--config", config, "--json", json));
        using (var fitted = JsonDocument.Parse(await File.ReadAllTextAsync(json, TestContext.Current.CancellationToken)))
        {
            Assert.Equal("cbpe", fitted.RootElement.GetProperty("profiles")[0].GetProperty("monitors")[0].GetString());
        }

        // Without them there is nothing to calibrate against: told, and no monitor.
        await File.WriteAllTextAsync(config, Text("learningDraws: 500"), TestContext.Current.CancellationToken);
        Assert.Equal(0, await FitVerbAsync("--config", config, "--json", json));
        using (var fitted = JsonDocument.Parse(await File.ReadAllTextAsync(json, TestContext.Current.CancellationToken)))
        {
            Assert.Equal(0, fitted.RootElement.GetProperty("profiles")[0].GetProperty("monitors").GetArrayLength());
        }

        // Those of other rows are refused.
        await File.WriteAllTextAsync(config, Text($"referenceLabels: {Path.Combine(s_demo, "flights-other.y.npy")}"), TestContext.Current.CancellationToken);
        Assert.Equal(1, await FitVerbAsync("--config", config));
    }

    private static Task<int> FitVerbAsync(params string[] arguments) => new FitVerb([new QualityModule()]).CreateCommand().Parse(arguments).InvokeAsync(null, TestContext.Current.CancellationToken);

    /// <summary>Fitted on 20,000 rows whose confidence in class 1 is a tenth higher than it is right.</summary>
    private static Task<LabelledRun> FitAsync(string threshold)
    {
        var random = new Random(1);
        var outputs = new float[40_000];
        var labels = new float[20_000];
        for (var row = 0; row < labels.Length; row++)
        {
            var confidence = 0.5 + (random.NextDouble() / 2);
            (outputs[2 * row], outputs[(2 * row) + 1]) = ((float)(1 - confidence), (float)confidence);
            labels[row] = random.NextDouble() < confidence - 0.1 ? 1 : 0;
        }

        return LabelledRun.CreateAsync(new CbpeKind(), s_model, new float[20_000], new Dictionary<string, string>(StringComparer.Ordinal) { ["threshold"] = threshold }, [outputs], labels);
    }

    private static void Feed(LabelledRun run, int rows, int seed, double low, double high, bool isDraw = true)
    {
        var random = new Random(seed);
        for (var row = 0; row < rows; row++)
        {
            var confidence = (float)(low + ((high - low) * random.NextDouble()));
            run.Call(string.Create(CultureInfo.InvariantCulture, $"{seed}-{row}"), [0], [1 - confidence, confidence], isDraw: isDraw);
        }
    }
}
