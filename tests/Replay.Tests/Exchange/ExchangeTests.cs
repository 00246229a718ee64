using System.Security.Cryptography;
using System.Text.Json;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Replay.Exchange;
using Monitoring.Replay.Search;
using Monitoring.Replay.Tests.Search;
using Monitoring.TestKit;

namespace Monitoring.Replay.Tests.Exchange;

public sealed class ExchangeTests
{
    [Fact]
    public async Task History_goes_in_and_rows_labels_and_answers_come_out()
    {
        using var directory = new TemporaryDirectory();
        var config = directory.File("monitoring.yaml");
        await File.WriteAllTextAsync(directory.File("schema.json"), """{ "features": [ { "name": "hour", "type": "number" }, { "name": "origin", "type": "category", "categories": ["ABE", "SFO"] } ], "classes": ["on_time", "delayed"] }""", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(config, "data: data\nmodels:\n  - name: flights\n    schema: schema.json\n", TestContext.Current.CancellationToken);
        var csv = directory.File("history.csv");
        await File.WriteAllLinesAsync(
            csv,
            ["hour,origin,p0,p1,who,when,late", .. Enumerable.Range(0, 40).Select(i => FormattableString.Invariant($"{i % 24},{(i % 2 == 0 ? "SFO" : "ABE")},{1 - (i / 40.0)},{i / 40.0},c{i % 3},2026-01-01T00:{i:00}:00Z,{(i % 4 == 0 ? "delayed" : "")}"))],
            TestContext.Current.CancellationToken);

        Assert.Equal(0, await RunAsync("import", csv, "--config", config, "--outputs", "p0,p1", "--client", "who", "--time", "when", "--truth", "late", "--author", "ann", "--json", directory.File("import.json")));
        var imported = Json(directory.File("import.json"));
        Assert.Equal((40, 10), (imported.GetProperty("events").GetInt32(), imported.GetProperty("labels").GetInt32()));

        Assert.Equal(0, await RunAsync("search", "input.origin == \"SFO\" and client == \"c1\" and label == \"delayed\"", "--config", config, "--json", directory.File("search.json")));
        Assert.Equal(Enumerable.Range(0, 40).Count(i => i % 2 == 0 && i % 3 == 1 && i / 40.0 > 0.5), Json(directory.File("search.json")).GetProperty("rows").GetArrayLength());

        Assert.Equal(0, await RunAsync("export", "--config", config, "--out", directory.File("export"), "--split", "0.75"));
        var manifest = Json(directory.File("export/manifest.json"));
        Assert.Equal([30, 10], manifest.GetProperty("files").EnumerateArray().Select(f => f.GetProperty("rows").GetInt32()));
        Assert.Equal(10, manifest.GetProperty("files").EnumerateArray().Sum(f => f.GetProperty("labelled").GetInt32()));
        foreach (var file in manifest.GetProperty("files").EnumerateArray())
        {
            var bytes = await File.ReadAllBytesAsync(directory.File("export/" + file.GetProperty("name").GetString()), TestContext.Current.CancellationToken);
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), file.GetProperty("sha256").GetString());
        }

        var train = await File.ReadAllLinesAsync(directory.File("export/train.csv"), TestContext.Current.CancellationToken);
        Assert.Equal("event,row,time,client,predicted,confidence,truth,author,findings,hour,origin", train[0]);
        Assert.Equal(31, train.Length);

        // A person answers every reviewed row; the answers are labels with an author afterwards.
        var review = directory.File("review.csv");
        Assert.Equal(0, await RunAsync("review", "--config", config, "--out", review, "--count", "12", "--json", directory.File("review.json")));
        Assert.Equal(12, Json(directory.File("review.json")).GetProperty("rows").GetInt32());
        var lines = await File.ReadAllLinesAsync(review, TestContext.Current.CancellationToken);
        await File.WriteAllLinesAsync(review, [lines[0], .. lines.Skip(1).Select(l => l + "on_time")], TestContext.Current.CancellationToken);
        Assert.Equal(0, await RunAsync("import", "--labels", review, "--config", config, "--author", "bea"));
        Assert.Equal(0, await RunAsync("export", "--config", config, "--out", directory.File("export2"), "--labelled", "--split", "1"));
        var answered = await File.ReadAllLinesAsync(directory.File("export2/train.csv"), TestContext.Current.CancellationToken);
        Assert.Equal(10 + 12, answered.Length - 1);
        Assert.Equal(12, answered.Count(l => l.Contains(",on_time,bea,", StringComparison.Ordinal)));

        foreach (var args in new string[][]
        {
            ["import", csv, "--config", config, "--inputs", "height"],
            ["import", csv, "--config", config, "--time", "who"],
            ["import", "--config", config],
            ["import", directory.File("absent.csv"), "--config", config],
            ["import", "--labels", csv, "--config", config],
            ["export", "--config", config, "--out", directory.File("x"), "--split", "7"],
            ["export", "--config", config, "--out", directory.File("x"), "--to", "2000-01-01"],
        })
        {
            Assert.Equal(2, await RunAsync(args));
        }
    }

    [Fact]
    public void Review_takes_flagged_uncertain_and_random_rows_once_each()
    {
        var rows = Enumerable.Range(0, 90).Select(i => new ReviewRow(new EventPosition(0, i), i, $"e{i}", 0, "", "a", i / 90.0, i >= 80 ? ["f"] : [], i >= 85)).ToList();
        var chosen = Choose(rows, 30, 1);
        Assert.Equal(30, chosen.Count);
        Assert.Equal(30, chosen.Select(c => c.EventId).Distinct().Count());
        Assert.Equal(["e84", "e83", "e82", "e81", "e80"], chosen.Where(c => c.Reason == "flagged").Select(c => c.EventId));
        Assert.Equal(["e89", "e88", "e87", "e86", "e85"], chosen.Where(c => c.Reason == "outlying").Select(c => c.EventId));
        Assert.Equal(Enumerable.Range(0, 7).Select(i => $"e{i}"), chosen.Where(c => c.Reason == "uncertain").Select(c => c.EventId));
        Assert.Equal(13, chosen.Count(c => c.Reason == "random"));
        Assert.Equal(chosen.Select(c => (c.EventId, c.Reason)), Choose([.. rows.AsEnumerable().Reverse()], 30, 1).Select(c => (c.EventId, c.Reason)));
        Assert.NotEqual(chosen.Select(c => c.EventId), Choose(rows, 30, 2).Select(c => c.EventId));
    }

    [Fact]
    public void Review_of_many_rows_draws_its_random_part_evenly()
    {
        // 200 queues of 40 draws among 1,000 rows without findings or confidence: each tenth is hit as often as a fair draw hits it, within five standard deviations.
        var hits = new int[10];
        for (var seed = 0; seed < 200; seed++)
        {
            foreach (var row in Choose([.. Enumerable.Range(0, 1000).Select(i => new ReviewRow(new EventPosition(0, i), i, $"e{i}", 0, "", "", double.NaN, [], false))], 40, seed))
            {
                hits[row.Position.Offset / 100]++;
            }
        }

        Assert.All(hits, h => Assert.InRange(h, 800 - 134, 800 + 134));
    }

    [Fact]
    public async Task Review_looks_at_the_newest_events_and_says_what_it_left_out()
    {
        var log = new MemoryLog();
        foreach (var topic in new[] { Topics.InferenceEvents, Topics.Findings, Topics.Feedback })
        {
            await log.EnsureTopicAsync(new TopicDefinition(topic, 2), TestContext.Current.CancellationToken);
        }

        for (var i = 0; i < 200; i++)
        {
            await log.AppendAsync(Topics.InferenceEvents, Calls.Record(Calls.Flight($"e{i}", "c", i, 0, 2, i / 200f), 0), TestContext.Current.CancellationToken);
        }

        await log.AppendAsync(Topics.InferenceEvents, Calls.Record(Calls.Flight("lonely", "c", 0, 0, 2, 0.5f), 1), TestContext.Current.CancellationToken);
        var selection = await new ReviewDesk(log, TimeProvider.System).SelectAsync(new ReviewRequest { Model = "flights", Count = 40, MaxEvents = 50 }, TestContext.Current.CancellationToken);

        // The idle partition left its share to the busy one.
        Assert.Equal((50, true), (selection.Unlabelled, selection.Truncated));
        var chosen = selection.Queue.Choose(40);
        Assert.Contains(chosen, r => r.EventId is "lonely");
        Assert.All(chosen, r => Assert.True(r.EventId == "lonely" || r.Position.Offset >= 151, r.EventId));
        Assert.Equal((201, false), (await new ReviewDesk(log, TimeProvider.System).SelectAsync(new ReviewRequest { Model = "flights", Count = 40 }, TestContext.Current.CancellationToken) is var all ? all.Unlabelled : 0, all.Truncated));
    }

    private static IReadOnlyList<ReviewRow> Choose(IReadOnlyList<ReviewRow> rows, int count, int seed)
    {
        var queue = new ReviewQueue(count, seed);
        foreach (var row in rows)
        {
            queue.Add(row);
        }

        return queue.Choose(count);
    }

    private static JsonElement Json(string file) => JsonDocument.Parse(File.ReadAllText(file)).RootElement;

    private static Task<int> RunAsync(params string[] args) =>
        MonitoringApplication.RunAsync(args, [new ReplayModule()], new ImportVerb(), new ExportVerb(), new ReviewVerb(), new SearchVerb());
}
