using System.Diagnostics;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Alerting;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Inference;
using Monitoring.Replay.Comparing;
using Monitoring.TestKit;
using Monitoring.TestKit.Servers;

namespace Monitoring.Replay.Tests.Feedback;

/// <summary>Labels and changes over HTTP, and the Python client against the real server.</summary>
public sealed class FeedbackTests
{
    private static readonly IServiceModule[] s_modules = [new InferenceModule(), new AlertingModule(), new ReplayModule()];

    [Fact]
    public async Task Feedback_and_changes_reach_the_log_and_bad_ones_are_told()
    {
        using var directory = new TemporaryDirectory();
        await using var app = await StartAsync(directory);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        var log = app.Services.GetRequiredService<IEventLog>();

        Assert.Equal(HttpStatusCode.OK, await PostAsync(client, "/feedback", """{"model":"digits","eventId":"e1","label":"7","author":"ann"}"""));
        Assert.Equal(HttpStatusCode.OK, await PostAsync(client, "/feedback", """[{"model":"digits","eventId":"e1","label":"9"},{"model":"digits","requestId":"r2","row":3,"value":0.25}]"""));
        Assert.Equal(HttpStatusCode.OK, await PostAsync(client, "/changes", """{"kind":"deployment","summary":"v2 is out","model":"digits","link":"https://ci.example/1"}"""));
        var labels = await LabelIndex.ReadAsync(log, "digits", TestContext.Current.CancellationToken);
        Assert.Equal(2, labels.Count);
        Assert.Equal("9", labels.Find("e1", "", 0)!.Label);
        Assert.Equal(0.25, labels.Find("", "r2", 3)!.Value);
        Assert.Null(labels.Find("e1", "", 1));
        var change = Change.Parser.ParseFrom((await log.ReadAsync(Topics.Changes, 0, 0, long.MaxValue, TestContext.Current.CancellationToken).SingleAsync(TestContext.Current.CancellationToken)).Value!.Value.Span);
        Assert.Equal(("v2 is out", "deployment"), (change.Summary, change.Kind));

        foreach (var (path, body, message) in new[]
        {
            ("/feedback", """{"eventId":"e1","label":"7"}""", "model is missing"),
            ("/feedback", """{"model":"d","label":"7"}""", "exactly one of eventId and requestId"),
            ("/feedback", """{"model":"d","eventId":"e","label":"7","value":1}""", "exactly one of label"),
            ("/feedback", """[{"model":"d","eventId":"e","label":"7"},{"model":"d","eventId":"e","label":[1]}]""", "entry 1: label must be"),
            ("/feedback", """{"model":"d","eventId":"e","label":"7","colour":"red"}""", "colour"),
            ("/feedback", "[]", "1 to 10000 entries"),
            ("/feedback", "nonsense", "invalid"),
            ("/changes", """{"kind":"party","summary":"x"}""", "kind must be one of"),
            ("/changes", """{"kind":"data","summary":"x","link":"javascript:alert(1)"}""", "link must be an http"),
        })
        {
            using var answer = await client.PostAsync(new Uri(path, UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            Assert.Contains(message, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }

        // Nothing of a refused list was appended.
        Assert.Equal(2, (await LabelIndex.ReadAsync(log, "digits", TestContext.Current.CancellationToken)).Count);
    }

    [Fact]
    public async Task Key_for_one_model_says_nothing_about_another()
    {
        using var directory = new TemporaryDirectory();
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("labels-of-digits"u8));
        await using var app = await StartAsync(directory, $"keys: [ {{ name: digits-labels, sha256: \"{hash}\", roles: [ publish ], models: [ digits ] }} ]");
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        client.DefaultRequestHeaders.Add("X-Api-Key", "labels-of-digits");
        Assert.Equal(HttpStatusCode.OK, await PostAsync(client, "/feedback", """{"model":"digits","eventId":"e1","label":"7"}"""));
        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(client, "/feedback", """[{"model":"digits","eventId":"e1","label":"7"},{"model":"flights","eventId":"e1","label":"7"}]"""));
        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(client, "/changes", """{"kind":"data","summary":"for everybody"}"""));
        Assert.Equal(0, (await LabelIndex.ReadAsync(app.Services.GetRequiredService<IEventLog>(), "flights", TestContext.Current.CancellationToken)).Count);
        Assert.Equal("digits-labels", (await LabelIndex.ReadAsync(app.Services.GetRequiredService<IEventLog>(), "digits", TestContext.Current.CancellationToken)).Find("e1", "", 0)!.Author);
    }

    [Fact]
    public async Task Python_client_logs_labels_and_lists_incidents()
    {
        using var directory = new TemporaryDirectory();
        await using var app = await StartAsync(directory);
        var log = app.Services.GetRequiredService<IEventLog>();
        var script = directory.File("use.py");
        await File.WriteAllTextAsync(script, """
            import sys
            sys.path.insert(0, sys.argv[2])
            from monitoring_client import Monitoring, MonitoringError
            m = Monitoring(sys.argv[1])
            call = m.log("digits", {"x": ([1, 2], [0.5, 1])}, {"p": ([1, 2], [0.25, 0.75])}, client="acme")
            m.feedback("digits", event_id=call, label=1, author="ann")
            m.change("new data", kind="data", model="digits")
            assert m.incidents(state="open") == []
            try:
                m.feedback("digits", label="1")
                raise SystemExit("no error")
            except MonitoringError as e:
                assert e.status == 400 and "eventId" in str(e), e
            try:
                m.log("digits", {"x": ([1, 3], [1])}, {})
                raise SystemExit("no error")
            except ValueError:
                pass
            print(call)
            """, TestContext.Current.CancellationToken);
        using var python = Process.Start(new ProcessStartInfo(ServerProcess.Require("python3", "/usr/bin/python3", "/usr/local/bin/python3"), [script, app.Urls.First(), Path.Combine(Repository.Root, "infra", "clients")]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = await python.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = await python.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await python.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(python.ExitCode == 0, error);

        InferenceEvent? call = null;
        await Eventually.TrueAsync(
            async () =>
            {
                for (var p = 0; p < await log.GetPartitionCountAsync(Topics.InferenceEvents, TestContext.Current.CancellationToken); p++)
                {
                    await foreach (var entry in log.ReadAsync(Topics.InferenceEvents, p, 0, long.MaxValue, TestContext.Current.CancellationToken))
                    {
                        call = InferenceEvent.Parser.ParseFrom(entry.Value!.Value.Span);
                    }
                }

                return call is not null;
            },
            "the logged call is in the log");
        Assert.Equal(("digits", 1, 1), (call!.Model, call.Inputs.Count, call.Outputs.Count));
        Assert.NotEmpty(call.Client.Id);

        // The label finds the call by the id that the client was given.
        var labels = await LabelIndex.ReadAsync(log, "digits", TestContext.Current.CancellationToken);
        Assert.Equal("1", (labels.Find(call.Id, call.RequestId, 0) ?? labels.Find(output.Trim(), "", 0))!.Label);
    }

    private static async Task<WebApplication> StartAsync(TemporaryDirectory directory, string api = "")
    {
        var config = directory.File("monitoring.yaml");
        await File.WriteAllTextAsync(config, $"data: data\napi: {{ listen: [\"http://127.0.0.1:0\"], {api} }}\nmodels:\n  - name: digits\n    client: ['metadata:X-Client']\n", TestContext.Current.CancellationToken);
        var app = MonitoringHost.Build(CheckVerb.Load(config, s_modules), s_modules);
        await app.StartAsync(TestContext.Current.CancellationToken);
        await app.Services.GetRequiredService<LogTopics>().Ready;
        return app;
    }

    private static async Task<HttpStatusCode> PostAsync(HttpClient client, string path, string body)
    {
        using var answer = await client.PostAsync(new Uri(path, UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }
}
