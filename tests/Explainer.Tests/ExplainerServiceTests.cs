using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Tables;
using Monitoring.TestKit;

namespace Monitoring.Explainer.Tests;

/// <summary>The module in its host, over the embedded log and the real digits and flights models.</summary>
public sealed class ExplainerServiceTests
{
    private static readonly IServiceModule[] s_modules = [new ExplainerModule()];
    private static readonly string s_demo = Path.Combine(Root(), "infra", "demo");

    [Fact]
    public async Task Findings_are_explained_once_and_the_verb_explains_the_same_event()
    {
        using var directory = new TemporaryDirectory();
        var digits = NpyFile.Read(Path.Combine(s_demo, "digits-population.X.npy"));
        var config = Write(directory, digits);
        string id;
        await using (var app = MonitoringHost.Build(CheckVerb.Load(config, s_modules), s_modules))
        {
            await app.StartAsync(TestContext.Current.CancellationToken);
            await app.Services.GetRequiredService<LogTopics>().Ready;
            var log = app.Services.GetRequiredService<IEventLog>();
            var pixels = digits.Row(3).ToArray().Select(v => v / 255).ToArray();
            await log.AppendAsync(Topics.InferenceEvents, Record("digits", Digit("e1", pixels), "e1", 2), TestContext.Current.CancellationToken);
            foreach (var finding in new[] { Found("f1", "digits", "e1", 1000), Found("f2", "digits", "e1", 2000), Found("f3", "nobody", "e1", 1000), Found("f4", "digits", "e1", 4_000_000_000_000) })
            {
                await log.AppendAsync(Topics.Findings, Record("digits", finding, finding.Id, 2), TestContext.Current.CancellationToken);
            }

            List<Explanation> explanations = [];
            await Eventually.TrueAsync(
                async () =>
                {
                    var read = await log.ReadAsync(Topics.Explanations, 0, 0, long.MaxValue, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
                    for (var p = 1; p < await log.GetPartitionCountAsync(Topics.Explanations, TestContext.Current.CancellationToken); p++)
                    {
                        read.AddRange(await log.ReadAsync(Topics.Explanations, p, 0, long.MaxValue, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken));
                    }

                    explanations = [.. read.Select(e => Explanation.Parser.ParseFrom(e.Value!.Value.Span))];
                    return explanations.Count == 2;
                },
                "two explanations",
                TimeSpan.FromSeconds(60));

            // f2 belongs to f1's incident, f3's model is not known, f4 comes an hour later.
            Assert.Equal(["f1", "f4"], explanations.Select(e => e.FindingId));
            var explanation = explanations[0];
            Assert.Equal((28L, 28L), (explanation.Attributions.Shape[0], explanation.Attributions.Shape[1]));
            var sum = 0.0;
            foreach (var value in MemoryMarshal.Cast<byte, float>(explanation.Attributions.Data.Span))
            {
                sum += value;
            }

            Assert.Equal(explanation.Value - explanation.Base, sum, 1e-4);
            id = explanation.Id;
            using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
            var png = await client.GetByteArrayAsync(new Uri($"/api/explanations/{id}/image", UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], png[..4]);
            Assert.Equal(System.Net.HttpStatusCode.NotFound, (await client.GetAsync(new Uri($"/api/explanations/{new string('0', 32)}/image", UriKind.Relative), TestContext.Current.CancellationToken)).StatusCode);

            // On request: any method, any call of the log; refusals say why.
            foreach (var method in ModelExplainer.Methods)
            {
                var (status, answer) = await PostAsync(client, $$"""{"eventId":"e1","method":"{{method}}"}""");
                Assert.Equal(System.Net.HttpStatusCode.OK, status);
                Assert.Equal(method, answer.GetProperty("method").GetString());
                Assert.NotEmpty(await client.GetByteArrayAsync(new Uri(answer.GetProperty("image").GetString()!, UriKind.Relative), TestContext.Current.CancellationToken));
            }

            Assert.Equal(System.Net.HttpStatusCode.NotFound, (await PostAsync(client, """{"eventId":"nothing"}""")).Status);
            Assert.Equal(System.Net.HttpStatusCode.BadRequest, (await PostAsync(client, """{"eventId":"e1","method":"tarot"}""")).Status);
            Assert.Equal(System.Net.HttpStatusCode.UnprocessableEntity, (await PostAsync(client, """{"eventId":"e1","row":7}""")).Status);
            await app.StopAsync(TestContext.Current.CancellationToken);
        }

        var drawing = directory.File("digit.png");
        Assert.Equal(0, await RunAsync("explain", "--config", config, "--event", "e1", "--out", drawing, "--json", directory.File("explain.json")));
        Assert.Equal(await File.ReadAllBytesAsync(directory.File($"data/explanations/{id}.png"), TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(drawing, TestContext.Current.CancellationToken));
        foreach (var method in ModelExplainer.Methods)
        {
            Assert.Equal(0, await RunAsync("explain", "--config", config, "--event", "e1:0", "--method", method, "--out", directory.File(method + ".png"), "--json", directory.File("method.json")));
            Assert.True(new FileInfo(directory.File(method + ".png")).Length > 500);
        }

        Assert.Equal(2, await RunAsync("explain", "--config", config, "--event", "nothing"));
        Assert.Equal(2, await RunAsync("explain", "--config", config, "--event", "e1:7"));
        Assert.Equal(2, await RunAsync("explain", "--config", config));
    }

    [Fact]
    public async Task Rows_become_bars_and_the_aggregate_names_the_columns()
    {
        using var directory = new TemporaryDirectory();
        var digits = NpyFile.Read(Path.Combine(s_demo, "digits-population.X.npy"));
        var config = Write(directory, digits);
        var row = Path.Combine(s_demo, "flights-population.X.npy") + ":5";
        Assert.Equal(0, await RunAsync("explain", "--config", config, "--model", "flights", "--row", row, "--out", directory.File("bars.svg"), "--json", directory.File("row.json")));
        Assert.Contains("distance = ", await File.ReadAllTextAsync(directory.File("bars.svg"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        var json = JsonDocument.Parse(await File.ReadAllTextAsync(directory.File("row.json"), TestContext.Current.CancellationToken)).RootElement;
        Assert.Equal(5, json.GetProperty("attributions").GetArrayLength());
        Assert.Equal(json.GetProperty("value").GetDouble() - json.GetProperty("base").GetDouble(), json.GetProperty("attributions").EnumerateArray().Sum(a => a.GetDouble()), 1e-5);

        Assert.Equal(0, await RunAsync("explain", "--config", config, "--model", "flights", "--row", row, "--method", "counterfactual"));
        Assert.Equal(0, await RunAsync("explain", "--config", config, "--model", "flights", "--aggregate", "20", "--json", directory.File("all.json")));
        Assert.Equal(20, JsonDocument.Parse(await File.ReadAllTextAsync(directory.File("all.json"), TestContext.Current.CancellationToken)).RootElement.EnumerateArray().Sum(c => c.GetProperty("rows").GetInt32()));
        Assert.Equal(2, await RunAsync("explain", "--config", config, "--model", "flights", "--row", Path.Combine(s_demo, "digits-population.X.npy") + ":0"));
    }

    [Fact]
    public async Task Aggregate_says_how_much_a_model_looks_outside_a_mask()
    {
        // The snow detector: of the digits model, nearly all of the attention lies inside the middle 20 × 20 pixels where digits are written, and none outside a mask of everything.
        using var directory = new TemporaryDirectory();
        var digits = NpyFile.Read(Path.Combine(s_demo, "digits-population.X.npy"));
        var config = Write(directory, digits);
        var shares = new List<double>();
        foreach (var margin in new[] { 0, 4, 12 })
        {
            WriteNpy(directory.File("mask.npy"), [.. Enumerable.Range(0, 784).Select(i => (i / 28) >= margin && (i / 28) < 28 - margin && (i % 28) >= margin && (i % 28) < 28 - margin ? 1f : 0f)], 28, 28);
            Assert.Equal(0, await RunAsync("explain", "--config", config, "--model", "digits", "--aggregate", "10", "--method", "occlusion", "--mask", directory.File("mask.npy"), "--json", directory.File("mask.json")));
            var classes = JsonDocument.Parse(await File.ReadAllTextAsync(directory.File("mask.json"), TestContext.Current.CancellationToken)).RootElement.EnumerateArray().ToList();
            shares.Add(classes.Sum(c => c.GetProperty("rows").GetInt32() * c.GetProperty("shareOutside").GetDouble()) / classes.Sum(c => c.GetProperty("rows").GetInt32()));
        }

        Assert.Equal(0, shares[0], 1e-9);
        Assert.InRange(shares[1], 0, 0.4);
        Assert.InRange(shares[2], 0.6, 1);
        Assert.Equal(2, await RunAsync("explain", "--config", config, "--model", "flights", "--aggregate", "3", "--mask", directory.File("mask.npy")));
    }

    private static async Task<(System.Net.HttpStatusCode Status, JsonElement Answer)> PostAsync(HttpClient client, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(new Uri("/api/explanations", UriKind.Relative), content, TestContext.Current.CancellationToken);
        return (answer.StatusCode, JsonDocument.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement);
    }

    private static string Write(TemporaryDirectory directory, NpyFile digits)
    {
        WriteNpy(directory.File("digits.npy"), [.. digits.Values.Take(300 * 784).Select(v => v / 255)], 300, 784);
        var file = directory.File("monitoring.yaml");
        File.WriteAllText(file, $$"""
            data: data
            api: { listen: ["http://127.0.0.1:0"] }
            models:
              - name: digits
                onnx: { path: '{{Path.Combine(s_demo, "digits.onnx")}}' }
                schema: '{{Path.Combine(s_demo, "digits.schema.json")}}'
                reference: digits.npy
              - name: flights
                onnx: { path: '{{Path.Combine(s_demo, "flights.onnx")}}' }
                schema: '{{Path.Combine(s_demo, "flights.schema.json")}}'
                reference: '{{Path.Combine(s_demo, "flights-population.X.npy")}}'
            """);
        return file;
    }

    private static InferenceEvent Digit(string id, float[] pixels) => new()
    {
        Id = id,
        Model = "digits",
        ModelVersion = "1",
        Inputs = { new Tensor { Name = "image", Datatype = "FP32", Shape = { 1, 1, 28, 28 }, Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(pixels)) } },
    };

    private static Finding Found(string id, string model, string eventId, long time) => new()
    {
        Id = id,
        Model = model,
        ModelVersion = "1",
        Family = Family.Outlier,
        TimeUnixNano = time,
        SampleEventIds = { eventId },
        Position = new Position { Group = "outlier", InputTopic = Topics.InferenceEvents, InputPartition = 2, InputOffset = 0 },
    };

    private static LogRecord Record(string key, IMessage message, string id, int partition) => new(Encoding.UTF8.GetBytes(key), message.ToByteArray(), [new LogHeader(Headers.Id, Encoding.UTF8.GetBytes(id))], partition);

    private static void WriteNpy(string file, float[] values, int rows, int columns)
    {
        var header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}".PadRight(117) + "\n";
        using var stream = File.Create(file);
        stream.Write([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, (byte)(header.Length & 255), (byte)(header.Length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(header));
        stream.Write(MemoryMarshal.AsBytes<float>(values));
    }

    private static string Root()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "Monitoring.sln")))
        {
            directory = directory.Parent;
        }

        return directory.FullName;
    }

    private static Task<int> RunAsync(params string[] args) => MonitoringApplication.RunAsync(args, s_modules, new ExplainVerb(s_modules));
}
