using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Tables;
using Monitoring.Quality.Reporting;
using Monitoring.TestKit;

namespace Monitoring.Quality.Tests.Reporting;

public sealed class ReportTests
{
    private static readonly IServiceModule[] s_modules = [new QualityModule()];
    private static readonly string s_demo = Path.Combine(AppContext.BaseDirectory, "Demo");

    [Fact]
    public async Task Flights_of_other_airports_give_the_numbers_of_an_independent_count()
    {
        using var directory = new TemporaryDirectory();
        string page = directory.File("r.html"), json = directory.File("r.json");
        string[] arguments =
        [
            "--reference", Demo("flights-population.X.npy"), "--reference-labels", Demo("flights-population.y.npy"),
            "--data", Demo("flights-other.X.npy"), "--labels", Demo("flights-other.y.npy"),
            "--schema", Demo("flights.schema.json"), "--onnx", Demo("flights.onnx"), "--html", page, "--json", json,
        ];
        Assert.Equal(0, await RunAsync(arguments));
        using var result = JsonDocument.Parse(await File.ReadAllTextAsync(json, TestContext.Current.CancellationToken));
        var drift = result.RootElement.GetProperty("drift").EnumerateArray().ToDictionary(d => d.GetProperty("name").GetString()!, d => d);

        // Counted in plain Python from the files.
        Assert.Equal(0.07678324257271618, drift["hour"].GetProperty("distance").GetDouble(), 12);
        Assert.Equal(0.2480741507057297, drift["distance"].GetProperty("distance").GetDouble(), 12);
        Assert.Equal(0.026875440033334766, drift["weekday"].GetProperty("distance").GetDouble(), 12);
        Assert.Equal(1, drift["origin"].GetProperty("distance").GetDouble(), 12);
        Assert.Equal(0.3018542465910888, drift["destination"].GetProperty("distance").GetDouble(), 12);
        Assert.Equal(0.8986593657154286, drift["hour"].GetProperty("wasserstein").GetDouble(), 9);
        Assert.Equal(238.3494597468283, drift["distance"].GetProperty("wasserstein").GetDouble(), 7);
        Assert.Equal(13.115033664088383, drift["hour"].GetProperty("dataMean").GetDouble(), 9);

        // Printed by infra/demo/train.py for the files committed there, to three or four digits.
        var measures = result.RootElement.GetProperty("performance").GetProperty("measures").EnumerateArray().ToDictionary(m => m.GetProperty("name").GetString()!, m => m);
        Check(measures["accuracy"], "data", 0.817, 0.0006);
        Check(measures["auroc"], "data", 0.638, 0.0006);
        Check(measures["log-loss"], "data", 0.4599, 0.00006);
        Check(measures["accuracy"], "reference", 0.762, 0.0006);
        Check(measures["auroc"], "reference", 0.621, 0.0006);
        Check(measures["log-loss"], "reference", 0.5318, 0.00006);

        // Every origin is another one: by it alone the two are told apart.
        Assert.Equal("change", result.RootElement.GetProperty("verdict").GetString());
        Assert.Equal("origin", result.RootElement.GetProperty("carriers").GetProperty("features")[0].GetString());
        Assert.True(drift["origin"].GetProperty("impact").GetDouble() > drift["distance"].GetProperty("impact").GetDouble());
        Assert.Equal("fine", drift["weekday"].GetProperty("level").GetString());

        // One file: nothing is fetched, nothing runs.
        var text = await File.ReadAllTextAsync(page, TestContext.Current.CancellationToken);
        Assert.DoesNotContain("<script", text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("http:", text, StringComparison.Ordinal);
        Assert.DoesNotContain("https:", text, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", text, StringComparison.Ordinal);
        Assert.Equal(1, await RunAsync([.. arguments, "--fail-on", "change"]));
        Assert.Equal(0, await RunAsync([.. arguments, "--fail-on", "harm"]));
        Assert.Equal(1, await RunAsync([.. arguments, "--fail-on", "harm", "--objective", "auroc >= 0.8"]));
        Assert.Equal(0, await RunAsync([.. arguments, "--fail-on", "harm", "--objective", "auroc >= 0.55"]));

        static void Check(JsonElement measure, string side, double expected, double tolerance)
        {
            var found = measure.GetProperty(side);
            Assert.InRange(found.GetProperty("value").GetDouble(), expected - tolerance, expected + tolerance);
            Assert.InRange(expected, found.GetProperty("low").GetDouble(), found.GetProperty("high").GetDouble());
        }
    }

    [Fact]
    public void Before_labels_come_the_estimate_covers_what_they_will_say()
    {
        // Confidence that is too high by half, as boosted trees have it; the truth of the data is known here only.
        var covered = 0;
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            ReportSample reference = Scored(random, 1_500, 0), data = Scored(random, 1_000, 0.8);
            var truth = data.Truth!;
            var estimate = PerformanceComparison.Compare(reference, data with { Truth = null }, null)!;
            Assert.True(estimate.IsEstimate);
            var realised = Enumerable.Range(0, data.Rows).Count(r => data.Classes![r] == (int)truth[r]) / (double)data.Rows;
            var accuracy = estimate.Measures.Single(m => m.Name == "accuracy");
            covered += realised >= accuracy.Data.Low && realised <= accuracy.Data.High ? 1 : 0;
            Assert.Equal(3, estimate.Measures.Count);
        }

        Assert.InRange(covered, 17, 20);

        static ReportSample Scored(Random random, int rows, double shift)
        {
            var probabilities = new float[2 * rows];
            var truth = new double[rows];
            for (var r = 0; r < rows; r++)
            {
                var logit = (2 * (random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5)) + shift;
                truth[r] = random.NextDouble() < 1 / (1 + Math.Exp(-logit)) ? 1 : 0;
                var score = 1 / (1 + Math.Exp(-1.5 * logit));
                (probabilities[2 * r], probabilities[(2 * r) + 1]) = ((float)(1 - score), (float)score);
            }

            return new ReportSample("s", new float[rows], rows) { Truth = truth }.WithProbabilities(probabilities, 2);
        }
    }

    [Fact]
    public async Task A_csv_says_by_itself_what_it_is_and_two_halves_of_one_population_are_as_usual()
    {
        using var directory = new TemporaryDirectory();
        var changed = 0;
        for (var seed = 0; seed < 10; seed++)
        {
            await File.WriteAllTextAsync(directory.File("a.csv"), Csv(800, 2 * seed, 0), TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(directory.File("b.csv"), Csv(800, (2 * seed) + 1, 0), TestContext.Current.CancellationToken);
            changed += await RunAsync(["--reference", directory.File("a.csv"), "--data", directory.File("b.csv"), "--fail-on", "change", "--json", directory.File("r.json")]);
        }

        // 1 % per report by Benjamini and Hochberg, and 1 % for each of the measures judged.
        Assert.InRange(changed, 0, 2);
        using var result = JsonDocument.Parse(await File.ReadAllTextAsync(directory.File("r.json"), TestContext.Current.CancellationToken));
        var names = result.RootElement.GetProperty("drift").EnumerateArray().Select(d => d.GetProperty("name").GetString()!).Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(["age", "city", "income", "prediction", "probability of yes"], names);
        Assert.Contains(result.RootElement.GetProperty("notes").EnumerateArray(), n => n.GetString()!.Contains("'when' holds times", StringComparison.Ordinal));
        Assert.Contains(result.RootElement.GetProperty("notes").EnumerateArray(), n => n.GetString()!.Contains("'id' holds an ever new text", StringComparison.Ordinal));
        Assert.Contains(result.RootElement.GetProperty("performance").GetProperty("measures").EnumerateArray(), m => m.GetProperty("name").GetString() == "auroc");
    }

    [Fact]
    public async Task Row_numbers_epochs_and_ids_are_no_features_and_numbers_that_only_look_like_them_are()
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory.File("a.csv"), Numbered(0), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(directory.File("b.csv"), Numbered(60), TestContext.Current.CancellationToken);
        Assert.Equal(0, await RunAsync(["--reference", directory.File("a.csv"), "--data", directory.File("b.csv"), "--json", directory.File("r.json")]));
        using var result = JsonDocument.Parse(await File.ReadAllTextAsync(directory.File("r.json"), TestContext.Current.CancellationToken));
        var names = result.RootElement.GetProperty("drift").EnumerateArray().Select(d => d.GetProperty("name").GetString()!).Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(["amount", "visits"], names);
        foreach (var name in new[] { "row", "epoch", "customer_id" })
        {
            Assert.Contains(result.RootElement.GetProperty("notes").EnumerateArray(), n => n.GetString()!.StartsWith($"'{name}' holds an ever new whole number", StringComparison.Ordinal));
        }

        // Distinct whole numbers in no order are a measurement; so is a rising one that repeats.
        static string Numbered(int from) => string.Concat(
            Enumerable.Range(from, 60).Select(i => FormattableString.Invariant($"{i},{1_790_000_000 + (17 * i)},{i * 7919 % 10_007},{i * 7919 % 10_007},{i / 20}\n")).Prepend("row,epoch,customer_id,amount,visits\n"));
    }

    [Fact]
    public async Task Broken_data_and_a_fallen_model_are_harm_and_the_pipeline_stops()
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory.File("a.csv"), Csv(1_000, 1, 0), TestContext.Current.CancellationToken);

        // Half of the ages missing.
        var missing = Csv(1_000, 2, 0).Split('\n').Select((line, i) => i > 0 && i % 2 == 0 && line.Length > 0 ? Replace(line, 2, "") : line);
        await File.WriteAllTextAsync(directory.File("missing.csv"), string.Join('\n', missing), TestContext.Current.CancellationToken);
        Assert.Equal("age is missing", (await HarmAsync(directory, "missing.csv"))[..14]);

        var stuck = Csv(1_000, 3, 0).Split('\n').Select((line, i) => i > 0 && line.Length > 0 ? Replace(line, 3, "1000") : line);
        await File.WriteAllTextAsync(directory.File("stuck.csv"), string.Join('\n', stuck), TestContext.Current.CancellationToken);
        Assert.Equal("income is always 1000", (await HarmAsync(directory, "stuck.csv"))[..21]);

        var unseen = Csv(1_000, 4, 0).Split('\n').Select((line, i) => i > 0 && i % 5 == 0 && line.Length > 0 ? Replace(line, 4, "Atlantis") : line);
        await File.WriteAllTextAsync(directory.File("unseen.csv"), string.Join('\n', unseen), TestContext.Current.CancellationToken);
        Assert.Equal("city holds an unknown value", (await HarmAsync(directory, "unseen.csv"))[..27]);

        // The same inputs, a third of the labels turned: concept drift.
        await File.WriteAllTextAsync(directory.File("turned.csv"), Csv(1_000, 5, 0.33), TestContext.Current.CancellationToken);
        Assert.Contains("in the reference it is", await HarmAsync(directory, "turned.csv"), StringComparison.Ordinal);

        static string Replace(string line, int column, string value)
        {
            var cells = line.Split(',');
            cells[column] = value;
            return string.Join(',', cells);
        }
    }

    [Fact]
    public void The_slice_that_carries_a_change_of_two_columns_is_named()
    {
        // a and b are each as before; together they are not: rows with both high are new.
        var random = new Random(1);
        double[][] reference = [new double[2_000], new double[2_000], new double[2_000]], data = [new double[2_000], new double[2_000], new double[2_000]];
        for (var r = 0; r < 2_000; r++)
        {
            for (var c = 0; c < 3; c++)
            {
                (reference[c][r], data[c][r]) = (random.NextDouble(), random.NextDouble());
            }

            if (r % 4 == 0)
            {
                (data[0][r], data[1][r]) = (0.9 + (0.1 * random.NextDouble()), 0.9 + (0.1 * random.NextDouble()));
            }
        }

        var finder = new SliceFinder([.. new[] { "a", "b", "c" }.Select((n, i) => new ReportVariable(n, "", null, reference[i], data[i], i))]);
        var found = finder.Find([0, 1, 2])!.Value;
        Assert.Equal(["a", "b"], found.Carriers.Features);
        Assert.True(found.Carriers.Share > 0.95);
        var slice = finder.Slices(found.Indices, 1)[0].Slice;
        Assert.Matches("a > 0\\.8[0-9]* and b > 0\\.8[0-9]*", slice.Condition);
        Assert.True(slice.Data.Low > 5 * slice.Reference.High);
    }

    [Fact]
    public void Impact_is_change_times_sensitivity()
    {
        var random = new Random(3);
        float[] Rows(double shift) => [.. Enumerable.Range(0, 1_000).SelectMany(_ => new[] { (float)(random.NextDouble() + shift), (float)(random.NextDouble() + shift), (float)random.NextDouble() })];
        ReportSample reference = new("a", Rows(0), 1_000), data = new("b", Rows(0.5), 1_000);

        // The model looks at the first and the third; the first and the second moved.
        static float[] Predict(float[] rows, int count) => [.. Enumerable.Range(0, count).Select(r => (2 * rows[3 * r]) + rows[(3 * r) + 2])];
        var impacts = ModelSensitivity.Impacts(ModelSchema.Numeric(3), reference, data, Predict, isProbabilities: false);
        Assert.InRange(impacts[0], 1.4, 1.7);
        Assert.Equal(0, impacts[1]);
        Assert.InRange(impacts[2], 0, 0.06);
    }

    /// <summary>One change, told by a report and by the profile that findings use: the same number, of a regression too.</summary>
    [Fact]
    public void Reports_and_findings_tell_one_impact()
    {
        // An indicator that is seldom 1, and the model hangs on it.
        var random = new Random(4);
        float[] Rows(int percent) => [.. Enumerable.Range(0, 1_000).SelectMany(i => new[] { i % 100 < percent ? 1f : 0, (float)random.NextDouble() })];
        static float[] Predict(float[] rows, int count) => [.. Enumerable.Range(0, count).Select(r => (20 * rows[2 * r]) + rows[(2 * r) + 1])];
        float[] usual = Rows(10), moved = Rows(50);
        var report = ModelSensitivity.Impacts(ModelSchema.Numeric(2), new ReportSample("a", usual, 1_000), new ReportSample("b", moved, 1_000), Predict, isProbabilities: false)[0];

        var model = new ModelDescription { Name = "m", Version = "1", Schema = ModelSchema.Numeric(2), Outputs = [new OutputTensor("price", 1, OutputRole.Regression)] };
        var reference = ReferenceData.FromMatrix(model, usual, 1_000, [Predict(usual, 1_000)]);
        var change = ChangeReference.Fit(reference, Enumerable.Range(0, 1_000).Select(r => reference.Rows[r].EventHash).ToHashSet(), (_, rows, count) => [Predict(rows, count)], _ => { })!;
        double[] Shares(float[] rows)
        {
            var shares = new double[change.Columns[0].Count];
            for (var r = 0; r < 1_000; r++)
            {
                shares[change.Columns[0].CellOf(rows[2 * r])] += 1e-3;
            }

            return shares;
        }

        // 40 % of the rows move by 20, and usual answers have the deviation 20·√(0.1·0.9) = 6: 1.33. A finding asks 128 rows only. In the deviation of all that a profile asks, where 0 and 1 are equally many, it would be 0.8.
        Assert.InRange(report, 1.25, 1.4);
        Assert.InRange(change.Impact(0, Shares(usual), Shares(moved)), 1.05, 1.75);
    }

    [Fact]
    public async Task Names_from_the_files_are_text_and_nothing_else()
    {
        using var directory = new TemporaryDirectory();
        var hostile = "<script>alert(1)</script>";
        var random = new Random(1);
        string File(double shift) => $"\"{hostile}\",city\n" + string.Join('\n', Enumerable.Range(0, 200).Select(_ => string.Create(CultureInfo.InvariantCulture, $"{random.NextDouble() + shift},\"<img src=x onerror=alert({random.Next(3)})>\"")));
        await System.IO.File.WriteAllTextAsync(directory.File("a.csv"), File(0), TestContext.Current.CancellationToken);
        await System.IO.File.WriteAllTextAsync(directory.File("b.csv"), File(2), TestContext.Current.CancellationToken);
        Assert.Equal(0, await RunAsync(["--reference", directory.File("a.csv"), "--data", directory.File("b.csv"), "--html", directory.File("r.html")]));
        var page = await System.IO.File.ReadAllTextAsync(directory.File("r.html"), TestContext.Current.CancellationToken);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<img", page, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("&lt;script&gt;", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a,b\n1,2\n", null, "no such file")]
    [InlineData("a,b\n1,2\n", "", "empty")]
    [InlineData("a,b\n1,2\n", "a,b\n", "no rows")]
    [InlineData("a,b\n1,2\n", "a,c,d\n1,2,3\n", "not found: b")]
    [InlineData("a,b\n1,2\n2,3\n", "a,b\n1,x\n2,y\n", "holds 'x' (row 0) where the reference holds numbers")]
    [InlineData("a,label\n1,2\n", "a,label\n1,2,3\n", "b.csv")]
    [InlineData("label\n1\n", "label\n1\n", "no column to compare is left")]
    [InlineData("a,score\n1,0.2\n", "a,score\n1,3\n", "numbers outside of 0 to 1")]
    public async Task Files_that_do_not_fit_are_told_and_exit_2(string reference, string? data, string message)
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory.File("a.csv"), reference, TestContext.Current.CancellationToken);
        if (data is not null)
        {
            await File.WriteAllTextAsync(directory.File("b.csv"), data, TestContext.Current.CancellationToken);
        }

        var (code, error) = await RunWithErrorAsync(["--reference", directory.File("a.csv"), "--data", directory.File("b.csv")]);
        Assert.Equal(2, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--objective", "accuracy > 3", "is not like")]
    [InlineData("--objective", "mae >= 3", "is not like")]
    [InlineData("--labels", "short.csv", "2 labels for 30 rows")]
    [InlineData("--model", "m", "monitoring.yaml")]
    [InlineData("--schema", "none.json", "none.json")]
    public async Task Options_that_do_not_fit_are_told(string option, string value, string message)
    {
        using var directory = new TemporaryDirectory();
        var rows = "a\n" + string.Join('\n', Enumerable.Range(0, 30));
        await File.WriteAllTextAsync(directory.File("a.csv"), rows, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(directory.File("short.csv"), "label\n1\n0\n", TestContext.Current.CancellationToken);
        var (code, error) = await RunWithErrorAsync(["--reference", directory.File("a.csv"), "--data", directory.File("a.csv"), "--config", directory.File("monitoring.yaml"), option, value.EndsWith(".csv", StringComparison.Ordinal) || value.EndsWith(".json", StringComparison.Ordinal) ? directory.File(value) : value]);
        Assert.NotEqual(0, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_range_of_the_log_gives_what_its_rows_as_files_give()
    {
        using var directory = new TemporaryDirectory();
        var config = directory.File("monitoring.yaml");
        await File.WriteAllTextAsync(config, $$"""
            data: data
            models:
              - name: flights
                onnx: { path: {{Demo("flights.onnx")}} }
                schema: {{Demo("flights.schema.json")}}
                reference: {{Demo("flights-population.X.npy")}}
                monitors: [{ kind: quality }]
            """, TestContext.Current.CancellationToken);
        const int rows = 400;
        NpyFile usual = NpyFile.Read(Demo("flights-population.X.npy")), other = NpyFile.Read(Demo("flights-other.X.npy"));
        var truth = NpyFile.Read(Demo("flights-other.y.npy")).Values;
        string from, to;
        var loaded = CheckVerb.Load(config, s_modules);
        await using (var log = EventLogFactory.Create(loaded, TimeProvider.System, NullLoggerFactory.Instance))
        {
            await log.EnsureTopicAsync(new TopicDefinition(Topics.InferenceEvents, 2), TestContext.Current.CancellationToken);
            await log.EnsureTopicAsync(new TopicDefinition(Topics.Feedback, 1), TestContext.Current.CancellationToken);
            await AppendAsync(log, usual, "before", loaded.Value.Models[0].Version);
            from = await NowAsync();
            await AppendAsync(log, other, "in", loaded.Value.Models[0].Version);
            to = await NowAsync();
            await AppendAsync(log, usual, "after", loaded.Value.Models[0].Version);

            // Labels come late, one of them twice: its last word counts.
            await log.AppendAsync(Topics.Feedback, Feedback(0, 1 - truth[0]), TestContext.Current.CancellationToken);
            await log.AppendAsync(Topics.Feedback, [.. Enumerable.Range(0, rows).Select(i => Feedback(i, truth[i]))], TestContext.Current.CancellationToken);
        }

        WriteNpy(directory.File("in.X.npy"), other.Values.AsSpan(0, rows * other.Width), other.Width);
        WriteNpy(directory.File("in.y.npy"), truth.AsSpan(0, rows), 1);
        string page = directory.File("r.html"), ranged = directory.File("ranged.json"), filed = directory.File("filed.json");
        Assert.Equal(0, await RunAsync(["--config", config, "--model", "flights", "--range", $"{from}/{to}", "--html", page, "--json", ranged], s_modules));
        Assert.Equal(0, await RunAsync(["--config", config, "--model", "flights", "--data", directory.File("in.X.npy"), "--labels", directory.File("in.y.npy"), "--json", filed], s_modules));
        using var left = JsonDocument.Parse(await File.ReadAllTextAsync(ranged, TestContext.Current.CancellationToken));
        using var right = JsonDocument.Parse(await File.ReadAllTextAsync(filed, TestContext.Current.CancellationToken));
        Assert.Equal(rows, left.RootElement.GetProperty("data").GetProperty("rows").GetInt32());
        Assert.Equal("change", left.RootElement.GetProperty("verdict").GetString());
        Assert.Equal(right.RootElement.GetProperty("drift").GetRawText(), left.RootElement.GetProperty("drift").GetRawText());
        Assert.Equal(right.RootElement.GetProperty("performance").GetRawText(), left.RootElement.GetProperty("performance").GetRawText());
        Assert.False(left.RootElement.GetProperty("performance").GetProperty("isEstimate").GetBoolean());
        Assert.Contains("origin", await File.ReadAllTextAsync(page, TestContext.Current.CancellationToken), StringComparison.Ordinal);

        // The time before holds what is usual; where there is nothing, that is said.
        Assert.Equal(0, await RunAsync(["--config", config, "--model", "flights", "--range", $"2026-01-01T00:00Z/{from}", "--fail-on", "change"], s_modules));
        var (code, error) = await RunWithErrorAsync(["--config", config, "--model", "flights", "--range", "2001-01-01T00:00Z/2001-01-02T00:00Z"], s_modules);
        Assert.Equal(1, code);
        Assert.Contains("holds no usable event of model flights", error, StringComparison.Ordinal);
        (code, error) = await RunWithErrorAsync(["--config", config, "--model", "flights", "--range", "yesterday"], s_modules);
        Assert.Equal(2, code);
        Assert.Contains("FROM/TO in ISO 8601 expected", error, StringComparison.Ordinal);

        // A moment after everything appended so far and before everything to come, in whole milliseconds.
        static async Task<string> NowAsync()
        {
            var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() + 1;
            await Eventually.TrueAsync(() => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() > now, "a millisecond");
            return DateTimeOffset.FromUnixTimeMilliseconds(now).ToString("O", CultureInfo.InvariantCulture);
        }

        static async Task AppendAsync(IEventLog log, NpyFile values, string name, string version) =>
            await log.AppendAsync(Topics.InferenceEvents, [.. Enumerable.Range(0, rows).Select(i =>
            {
                var call = new InferenceEvent { Id = string.Create(CultureInfo.InvariantCulture, $"{name}-{i}"), Model = "flights", ModelVersion = version, Status = 200, Client = new Client { Id = "c", Source = "api-key" } };
                call.Inputs.Add(new Tensor { Name = "features", Datatype = "FP32", Shape = { 1, values.Width }, Data = ByteString.CopyFrom(MemoryMarshal.AsBytes(values.Values.AsSpan(i * values.Width, values.Width))) });
                return new LogRecord(Encoding.UTF8.GetBytes("flights"), call.ToByteArray(), []);
            })], TestContext.Current.CancellationToken);

        static LogRecord Feedback(int i, float truth) => new(
            Encoding.UTF8.GetBytes("flights"),
            new Contracts.Feedback { Id = string.Create(CultureInfo.InvariantCulture, $"f-{i}-{truth}"), Model = "flights", EventId = string.Create(CultureInfo.InvariantCulture, $"in-{i}"), Value = truth }.ToByteArray(),
            []);
    }

    /// <summary>Single precision, row-major.</summary>
    private static void WriteNpy(string path, ReadOnlySpan<float> values, int width)
    {
        var shape = width == 1 ? string.Create(CultureInfo.InvariantCulture, $"({values.Length},)") : string.Create(CultureInfo.InvariantCulture, $"({values.Length / width}, {width})");
        var header = Encoding.ASCII.GetBytes($"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".PadRight(117) + "\n");
        using var file = File.Create(path);
        file.Write([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, (byte)header.Length, 0]);
        file.Write(header);
        file.Write(MemoryMarshal.AsBytes(values));
    }

    private static string Demo(string file) => Path.Combine(s_demo, file);

    /// <summary>Columns id, when, age, income, city, score, label; a share of the labels is turned.</summary>
    private static string Csv(int rows, int seed, double turned)
    {
        var random = new Random(seed);
        string[] cities = ["Ulm", "Bonn", "Kiel"];
        return "id,when,age,income,city,score,label\n" + string.Join('\n', Enumerable.Range(0, rows).Select(r =>
        {
            var age = random.Next(18, 90);
            var income = Math.Exp(7 + random.NextDouble());
            var score = Math.Clamp((0.5 * random.NextDouble()) + (age / 180.0), 0.01, 0.99);
            var label = (random.NextDouble() < score) ^ (random.NextDouble() < turned);
            return string.Create(CultureInfo.InvariantCulture, $"id-{seed}-{r},2026-11-{1 + (r % 28):00}T10:00:00Z,{age},{income:F2},{cities[random.Next(3)]},{score:F4},{(label ? "yes" : "no")}");
        })) + "\n";
    }

    private static async Task<string> HarmAsync(TemporaryDirectory directory, string file)
    {
        var code = await RunAsync(["--reference", directory.File("a.csv"), "--data", directory.File(file), "--fail-on", "harm", "--json", directory.File("r.json")]);
        Assert.Equal(1, code);
        using var result = JsonDocument.Parse(await File.ReadAllTextAsync(directory.File("r.json"), TestContext.Current.CancellationToken));
        var headline = result.RootElement.GetProperty("headlines")[0];
        Assert.Equal("harm", headline.GetProperty("level").GetString());
        return headline.GetProperty("text").GetString()!;
    }

    private static Task<int> RunAsync(string[] arguments, IReadOnlyList<IServiceModule>? modules = null) => new ReportVerb(modules ?? []).CreateCommand().Parse(arguments).InvokeAsync(null, TestContext.Current.CancellationToken);

    private static async Task<(int Code, string Error)> RunWithErrorAsync(string[] arguments, IReadOnlyList<IServiceModule>? modules = null)
    {
        var before = Console.Error;
        await using var error = new StringWriter();
        Console.SetError(error);
        try
        {
            return (await RunAsync(arguments, modules), error.ToString());
        }
        finally
        {
            Console.SetError(before);
        }
    }
}
