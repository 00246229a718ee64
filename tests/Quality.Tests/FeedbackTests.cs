using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.TestKit;

namespace Monitoring.Quality.Tests;

/// <summary>Feedback in its topic, relayed to the calls, joined by the group of the quality monitors, and harm in the findings.</summary>
public sealed class FeedbackTests
{
    private static readonly IServiceModule[] s_modules = [new QualityModule()];

    [Fact]
    public async Task Labels_that_show_a_broken_promise_become_harm()
    {
        using var directory = new TemporaryDirectory();
        var config = directory.File("monitoring.yaml");
        await File.WriteAllTextAsync(config, """
            data: data
            api: { listen: ["http://127.0.0.1:0"] }
            models:
              - name: credit
                learningDraws: 500
                sessionGap: 0s
                objective: { metric: accuracy, threshold: 0.9 }
            """, TestContext.Current.CancellationToken);
        await using var app = MonitoringHost.Build(CheckVerb.Load(config, s_modules), s_modules);
        await app.StartAsync(TestContext.Current.CancellationToken);
        await app.Services.GetRequiredService<LogTopics>().Ready;
        var log = app.Services.GetRequiredService<IEventLog>();

        // The defaults hold performance, because something is promised; the promise reached its options.
        var planner = app.Services.GetRequiredService<MonitorPlanner>();
        var planned = planner.MonitorsOf(app.Services.GetRequiredService<Monitoring.Hosting.Configuration.LoadedConfiguration>().Value.Models[0]);
        Assert.Equal("0.9", planned.Single(m => m.Kind.Name == "performance").Monitor.Options["threshold"]);

        var random = new Random(1);
        var time = TimeProvider.System.GetUtcNow().AddHours(-3);
        await log.AppendAsync(Topics.InferenceEvents, [.. Enumerable.Range(0, 1_500).Select(i => Call(i, random, time))], TestContext.Current.CancellationToken);
        var group = app.Services.GetRequiredKeyedService<MonitorGroupService>("quality");
        await Eventually.TrueAsync(() => group.Status().Any(s => s.Kind == "performance" && s.State == MonitorState.Armed), "performance is armed");

        await log.AppendAsync(Topics.InferenceEvents, [.. Enumerable.Range(1_500, 1_000).Select(i => Call(i, random, time))], TestContext.Current.CancellationToken);
        await log.AppendAsync(Topics.Feedback, [.. Enumerable.Range(1_500, 1_000).Select(i => Label(i, random.NextDouble() < 0.6))], TestContext.Current.CancellationToken);
        Finding? found = null;
        await Eventually.TrueAsync(
            async () =>
            {
                for (var p = 0; p < await log.GetPartitionCountAsync(Topics.Findings, TestContext.Current.CancellationToken) && found is null; p++)
                {
                    await foreach (var entry in log.ReadAsync(Topics.Findings, p, 0, long.MaxValue, TestContext.Current.CancellationToken))
                    {
                        found ??= Finding.Parser.ParseFrom(entry.Value!.Value.Span) is { Kind: "performance" } finding ? finding : null;
                    }
                }

                return found is not null;
            },
            "a finding of performance");
        Assert.Equal((Severity.Harm, "accuracy", "credit"), (found!.Severity, found.Variable, found.Model));
        Assert.Contains("promised is at least 0.9", found.Summary, StringComparison.Ordinal);
        Assert.True(found.Effect.Observed < 0.8);

        // The label itself stands at the finding's offset, among the calls.
        var at = await log.ReadAsync(Topics.InferenceEvents, found.Position.InputPartition, found.Position.InputOffset, found.Position.InputOffset + 1, TestContext.Current.CancellationToken).SingleAsync(TestContext.Current.CancellationToken);
        Assert.Equal("credit", InferenceEvent.Parser.ParseFrom(at.Value!.Value.Span).Label.Model);

        // The finding is in the log before the status of its batch is shown.
        await Eventually.TrueAsync(
            () => group.Status().Any(s => s.Kind == "performance" && s.Measures.Any(m => m.Name == "labels-joined" && m.Value > 0) && s.Measures.Any(m => m.Name == "accuracy")),
            "the measures are shown");
        await app.StopAsync(TestContext.Current.CancellationToken);
    }

    private static LogRecord Call(int i, Random random, DateTimeOffset start)
    {
        var score = random.NextSingle();
        var call = new InferenceEvent { Id = "e" + i.ToString(CultureInfo.InvariantCulture), Model = "credit", ModelVersion = "1", Status = 200, Client = new Client { Id = "client-" + i.ToString(CultureInfo.InvariantCulture), Source = "api-key" } };
        call.Inputs.Add(Tensor("x", [random.NextSingle(), random.NextSingle()]));
        call.Outputs.Add(Tensor("p", [1 - score, score]));
        var time = (start.ToUnixTimeMilliseconds() + (i * 1_000L)) * 1_000_000;
        return new LogRecord(Encoding.UTF8.GetBytes("credit"), call.ToByteArray(), [new LogHeader(Headers.LogTime, Encoding.UTF8.GetBytes(time.ToString(CultureInfo.InvariantCulture)))]);
    }

    private static LogRecord Label(int i, bool right)
    {
        // The first output of Call(i) is not known here: labels are classes drawn so that six of ten agree only by chance of the model's own answers.
        var feedback = new Feedback { Id = "f" + i.ToString(CultureInfo.InvariantCulture), Model = "credit", EventId = "e" + i.ToString(CultureInfo.InvariantCulture), Label = right ? "1" : "0" };
        return new LogRecord(Encoding.UTF8.GetBytes("credit"), feedback.ToByteArray(), []);
    }

    private static Tensor Tensor(string name, float[] values)
    {
        var tensor = new Tensor { Name = name, Datatype = "FP32", Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(values)) };
        tensor.Shape.AddRange([1, values.Length]);
        return tensor;
    }
}
