using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Inference;
using Monitoring.Replay.Exchange;
using Monitoring.Replay.Tests.Search;
using Monitoring.TestKit;

namespace Monitoring.Replay.Tests.Exchange;

/// <summary>History into a running installation, and the review queue and data sets out of it, over HTTP.</summary>
public sealed class ExchangeApiTests
{
    private const string Request = """{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}""";
    private const string Response = """{"model_name":"digits","outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","data":[0.5]}]}""";
    private static readonly IServiceModule[] s_modules = [new InferenceModule(), new ReplayModule()];

    [Fact]
    public async Task What_KServes_logger_left_in_a_bucket_becomes_history_once()
    {
        using var directory = new TemporaryDirectory();
        await using var app = await StartAsync(directory);
        var log = app.Services.GetRequiredService<IEventLog>();
        Directory.CreateDirectory(directory.File("bucket/a"));
        await File.WriteAllTextAsync(directory.File("bucket/a/1.json"), Blob("i1", "org.kubeflow.serving.inference.request", Request), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(directory.File("bucket/a/2.json"), $"[{Blob("i1", "response", Response)},{Blob("i2", "request", Request, "nobody")}]", TestContext.Current.CancellationToken);
        await File.WriteAllLinesAsync(
            directory.File("bucket/b.csv"),
            [
                "url,bytes,contentType,reqType,id,sourceUri,inferenceService,namespace,component,endpoint,metadata,annotations,certName,tlsSkipVerify",
                $"s3://b,{Base64(Request)},application/json,request,i3,http://s,digits,n,predictor,default,,,,false",
                $"s3://b,{Base64(Response)},application/json,response,i3,http://s,digits,n,predictor,default,,,,false",
            ],
            TestContext.Current.CancellationToken);
        var config = directory.File("import.yaml");
        await File.WriteAllTextAsync(config, $"api: {{ listen: ['{app.Urls.First()}'] }}\nmodels: [{{ name: digits }}]\n", TestContext.Current.CancellationToken);
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal(1, await RunAsync("import", "--kserve", directory.File("bucket"), "--config", config, "--json", directory.File("import.json")));
            using var report = JsonDocument.Parse(await File.ReadAllTextAsync(directory.File("import.json"), TestContext.Current.CancellationToken));
            Assert.Equal((3, 4, 1), (report.RootElement.GetProperty("files").GetInt32(), report.RootElement.GetProperty("sent").GetInt32(), report.RootElement.GetProperty("refused").GetInt32()));
            Assert.Contains("nobody", report.RootElement.GetProperty("reasons")[0].GetString(), StringComparison.Ordinal);
        }

        List<InferenceEvent> calls = [];
        await Eventually.TrueAsync(
            async () =>
            {
                calls = [];
                for (var p = 0; p < await log.GetPartitionCountAsync(Topics.InferenceEvents, TestContext.Current.CancellationToken); p++)
                {
                    await foreach (var entry in log.ReadAsync(Topics.InferenceEvents, p, 0, long.MaxValue, TestContext.Current.CancellationToken))
                    {
                        calls.Add(InferenceEvent.Parser.ParseFrom(entry.Value!.Value.Span));
                    }
                }

                return calls.Count >= 2;
            },
            "two joined calls in the log");
        Assert.Equal(2, calls.Count);
        Assert.All(calls, c => Assert.Equal((1, 1), (c.Inputs.Count, c.Outputs.Count)));
        var first = calls.Single(c => c.Client.Id.Length > 0);
        Assert.Equal(DateTimeOffset.Parse("2026-01-02T03:04:05Z", System.Globalization.CultureInfo.InvariantCulture).ToUnixTimeSeconds(), first.TimeUnixNano / 1_000_000_000);

        await File.WriteAllTextAsync(directory.File("bad.json"), """{"id":"i","reqType":"party"}""", TestContext.Current.CancellationToken);
        Assert.Equal(2, await RunAsync("import", "--kserve", directory.File("bad.json"), "--config", config));
    }

    [Fact]
    public async Task Review_queue_and_export_over_HTTP_and_an_answer_leaves_the_queue()
    {
        using var directory = new TemporaryDirectory();
        await using var app = await StartAsync(directory);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        var log = app.Services.GetRequiredService<IEventLog>();
        await log.AppendAsync(Topics.InferenceEvents, [.. Enumerable.Range(0, 40).Select(i => Calls.Record(Calls.Flight($"e{i}", "c", i, 0, 2, i / 40f), i % 2))], TestContext.Current.CancellationToken);

        var queue = await JsonAsync(client, "/api/review?model=flights&count=12");
        Assert.Equal(12, queue.GetProperty("rows").GetArrayLength());
        var answered = queue.GetProperty("rows")[0].GetProperty("eventId").GetString();
        using (var content = new StringContent($$"""{"model":"flights","eventId":"{{answered}}","label":"late","author":"ann"}""", Encoding.UTF8, "application/json"))
        using (var answer = await client.PostAsync(new Uri("/feedback", UriKind.Relative), content, TestContext.Current.CancellationToken))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        // The queue's own door: the caller is the author, and what does not fit changes nothing.
        var second = queue.GetProperty("rows")[1];
        var (place, id) = (second.GetProperty("position").GetString(), second.GetProperty("eventId").GetString());
        Assert.Equal(HttpStatusCode.OK, await AnswerAsync(client, $$"""{"model":"flights","answers":[{"position":"{{place}}","eventId":"{{id}}","row":0,"label":"late"}]}"""));
        var labels = await LabelIndex.ReadAsync(app.Services.GetRequiredService<IEventLog>(), "flights", TestContext.Current.CancellationToken);
        Assert.Equal(("late", "local"), (labels.Find(id!, "", 0)!.Label, labels.Find(id!, "", 0)!.Author));
        foreach (var bad in new[]
        {
            $$"""{"model":"flights","answers":[]}""",
            $$"""{"model":"digits","answers":[{"position":"{{place}}","eventId":"{{id}}","row":0,"label":"late"}]}""",
            $$"""{"model":"flights","answers":[{"position":"{{place}}","eventId":"another","row":0,"label":"late"}]}""",
            $$"""{"model":"flights","answers":[{"position":"{{place}}","eventId":"{{id}}","row":1,"label":"late"}]}""",
            $$"""{"model":"flights","answers":[{"position":"{{place}}","eventId":"{{id}}","row":-1,"label":"late"}]}""",
            $$"""{"model":"flights","answers":[{"position":"{{place}}","eventId":"{{id}}","row":0,"label":"late","value":1}]}""",
            $$"""{"model":"flights","answers":[{"position":"{{place}}","eventId":"{{id}}","row":0}]}""",
            $$"""{"model":"flights","answers":[{"position":"0@999999","eventId":"{{id}}","row":0,"label":"late"}]}""",
            $$"""{"model":"flights","answers":[{"position":"999@0","eventId":"{{id}}","row":0,"label":"late"}]}""",
            $$"""{"model":"flights","answers":[{"position":"first","eventId":"{{id}}","row":0,"label":"late"}]}""",
        })
        {
            Assert.Equal(HttpStatusCode.BadRequest, await AnswerAsync(client, bad));
        }

        Assert.Equal(2, (await LabelIndex.ReadAsync(app.Services.GetRequiredService<IEventLog>(), "flights", TestContext.Current.CancellationToken)).Count);
        queue = await JsonAsync(client, "/api/review?model=flights&count=40");
        Assert.Equal((38, 2), (queue.GetProperty("rows").GetArrayLength(), queue.GetProperty("labelled").GetInt32()));
        Assert.DoesNotContain(queue.GetProperty("rows").EnumerateArray(), r => r.GetProperty("eventId").GetString() == answered);
        Assert.StartsWith("event,row,reason,", await client.GetStringAsync(new Uri("/api/review?model=flights&format=csv", UriKind.Relative), TestContext.Current.CancellationToken), StringComparison.Ordinal);

        using var zip = new ZipArchive(new MemoryStream(await client.GetByteArrayAsync(new Uri("/api/export?model=flights&split=0.75", UriKind.Relative), TestContext.Current.CancellationToken)));
        Assert.Equal(["train.csv", "test.csv", "manifest.json"], zip.Entries.Select(e => e.FullName));
        using var train = new StreamReader(zip.GetEntry("train.csv")!.Open());
        Assert.Equal(31, (await train.ReadToEndAsync(TestContext.Current.CancellationToken)).Count(c => c == '\n'));

        foreach (var bad in new[] { "/api/review?model=nobody", "/api/review", "/api/review?model=flights&count=2", "/api/review?model=flights&format=pdf", "/api/review?model=flights&from=soon", "/api/export?model=flights&split=2" })
        {
            using var answer = await client.GetAsync(new Uri(bad, UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        }
    }

    private static async Task<HttpStatusCode> AnswerAsync(HttpClient client, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(new Uri("/api/review", UriKind.Relative), content, TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    /// <summary>A record as the logger's blob writer leaves it.</summary>
    private static string Blob(string id, string kind, string payload, string model = "digits") => $$$"""
        {"url":"s3://b","bytes":"{{{Base64(payload)}}}","contentType":"application/json","reqType":"{{{kind}}}","id":"{{{id}}}","sourceUri":"http://s","inferenceService":"{{{model}}}","namespace":"n","component":"predictor","endpoint":"default","metadata":{"X-Client":["acme"]},"annotations":null,"certName":"","tlsSkipVerify":false,"occurrenceTime":"2026-01-02T03:04:05Z"}
        """;

    private static async Task<JsonElement> JsonAsync(HttpClient client, string path) =>
        JsonDocument.Parse(await client.GetStringAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken)).RootElement;

    private static async Task<WebApplication> StartAsync(TemporaryDirectory directory)
    {
        var config = directory.File("monitoring.yaml");
        await File.WriteAllTextAsync(config, "data: data\napi: { listen: [\"http://127.0.0.1:0\"] }\nmodels:\n  - name: digits\n    client: ['metadata:X-Client']\n  - name: flights\n", TestContext.Current.CancellationToken);
        var app = MonitoringHost.Build(CheckVerb.Load(config, s_modules), s_modules);
        await app.StartAsync(TestContext.Current.CancellationToken);
        await app.Services.GetRequiredService<LogTopics>().Ready;
        return app;
    }

    private static Task<int> RunAsync(params string[] args) => MonitoringApplication.RunAsync(args, s_modules, new ImportVerb());
}
