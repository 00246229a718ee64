using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.EventLog.Embedded;
using Monitoring.Replay.Search;
using Monitoring.TestKit;

namespace Monitoring.Replay.Tests.Search;

public sealed class SearchTests
{
    [Theory]
    [InlineData("model == \"flights\"", "a1 a2 a3 a4")]
    [InlineData("client == 'acme'", "a1 a3")]
    [InlineData("client startsWith \"ac\" and latency > 20ms", "a3")]
    [InlineData("not (client = \"acme\")", "a2 a4")]
    [InlineData("id in (\"a2\", \"a4\", \"zz\")", "a2 a4")]
    [InlineData("request contains \"-a1\"", "a1")]
    [InlineData("label == \"delayed\"", "a2 a4")]
    [InlineData("label != \"delayed\"", "a1 a3")]
    [InlineData("label in (\"delayed\", \"on_time\") and confidence >= 0.8", "a1 a4")]
    [InlineData("input.hour between 8 and 12", "a1 a2")]
    [InlineData("input.origin == \"SFO\" or input.distance > 2e3", "a2 a3 a4")]
    [InlineData("input[2] < 400", "a1")]
    [InlineData("attribute.region == \"eu\"", "a2 a4")]
    [InlineData("status == 200 and rows == 1 and violations == 0", "a1 a2 a3 a4")]
    [InlineData("latency <= 5ms && !(label == \"delayed\") || id == \"a4\"", "a1 a4")]
    [InlineData("time >= 2020-01-01T00:00:00Z and time < 2020-01-01T00:00:02.5Z", "a1 a2")]
    public void Expressions_match(string expression, string expected)
    {
        var calls = new[]
        {
            Calls.Flight("a1", "acme", 8, 0, 300, 0.1f),
            Calls.Flight("a2", "bolt", 12, 1, 500, 0.6f),
            Calls.Flight("a3", "acme", 13, 0, 2500, 0.4f, latencyMs: 30),
            Calls.Flight("a4", "", 22, 1, 900, 0.9f),
        };
        for (var i = 0; i < calls.Length; i++)
        {
            calls[i].TimeUnixNano = 1_577_836_801_000_000_000 + (i * 1_000_000_000L);
        }

        var predicate = QueryParser.Parse(expression, Calls.Schemas);
        var found = calls.Where(c => EventView.TryRead(c.ToByteArray(), out var view) && predicate.Matches(view, 0)).Select(c => c.Id);
        Assert.Equal(expected, string.Join(' ', found));
    }

    [Theory]
    [InlineData("modle == \"x\"", 1, "there is no field 'modle'")]
    [InlineData("model == x", 10, "texts stand in quotes")]
    [InlineData("model > \"x\"", 7, "==, !=, in, startsWith or contains expected")]
    [InlineData("latency > 20", 11, "a duration, for example 20ms")]
    [InlineData("latency > \"20ms\"", 11, "a duration")]
    [InlineData("time > 12ms", 8, "a time, for example 2026-11-22T21:00:00Z")]
    [InlineData("label == \"late\"", 10, "classes are on_time, delayed")]
    [InlineData("input.height > 3", 1, "inputs are distance, hour, origin")]
    [InlineData("input.origin == \"XXX\"", 17, "no category \"XXX\"")]
    [InlineData("input.hour between 3 or 4", 22, "'and' expected in between")]
    [InlineData("(status == 200", 15, "')' expected, found the end")]
    [InlineData("status == 200 model == \"x\"", 15, "'and', 'or' or the end expected")]
    [InlineData("client == \"x", 11, "not closed")]
    [InlineData("status ~ 3", 8, "'~' means nothing here")]
    [InlineData("", 1, "a field expected")]
    public void Errors_say_where_and_what(string expression, int column, string message)
    {
        var error = Assert.Throws<QueryException>(() => QueryParser.Parse(expression, Calls.Schemas));
        Assert.Equal(column, error.Column);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void View_reads_what_protobuf_wrote_and_survives_any_bytes()
    {
        var call = Calls.Event("e1", "m", "c", [[1, 2], [3, 4]], [[0.2f, 0.8f], [0.7f, 0.3f]]);
        call.Error = "oops";
        call.Violations.Add(new SchemaViolation { Feature = "f", Kind = "nan" });
        var bytes = call.ToByteArray();
        Assert.True(EventView.TryRead(bytes, out var view));
        Assert.Equal("e1 m 1 c r-e1 oops", $"{EventView.Text(view.Id)} {EventView.Text(view.Model)} {EventView.Text(view.Version)} {EventView.Text(view.Client)} {EventView.Text(view.RequestId)} {EventView.Text(view.Error)}");
        Assert.Equal((200, 5_000_000, 1, 2, 2), (view.Status, view.LatencyNano, view.Violations, EventRows.Count(view), EventRows.InputWidth(view)));
        Assert.Equal([3f, 4f], EventRows.InputInPlace(view, 1).ToArray());
        Assert.Equal((1, 0), (EventRows.PredictedClass(view, 0), EventRows.PredictedClass(view, 1)));
        Assert.True(double.IsNaN(EventRows.Input(view, 0, 2)) && double.IsNaN(EventRows.Input(view, 2, 0)));

        // Whatever is in the log must not end a search.
        var random = new Random(3);
        var predicate = QueryParser.Parse("label == \"1\" or input[1] > 2 or attribute.region == \"eu\" or confidence > 0.5", new Dictionary<string, Detection.ModelSchema>());
        for (var round = 0; round < 20_000; round++)
        {
            var hostile = (byte[])bytes.Clone();
            for (var k = random.Next(1, 6); k > 0; k--)
            {
                hostile[random.Next(hostile.Length)] = (byte)random.Next(256);
            }

            if (EventView.TryRead(hostile.AsSpan(0, random.Next(1, hostile.Length + 1)), out var read))
            {
                for (var row = 0; row < Math.Min(3, EventRows.Count(read)); row++)
                {
                    predicate.Matches(read, row);
                }
            }
        }
    }

    [Theory]
    [InlineData("FP64")]
    [InlineData("FP16")]
    [InlineData("INT64")]
    [InlineData("INT32")]
    [InlineData("INT16")]
    [InlineData("INT8")]
    [InlineData("UINT64")]
    [InlineData("UINT32")]
    [InlineData("UINT16")]
    [InlineData("UINT8")]
    public void All_number_types_are_read(string datatype)
    {
        byte[] data = datatype switch
        {
            "FP64" => [.. BitConverter.GetBytes(1.0), .. BitConverter.GetBytes(7.0)],
            "FP16" => [.. BitConverter.GetBytes((Half)1), .. BitConverter.GetBytes((Half)7)],
            "INT64" or "UINT64" => [.. BitConverter.GetBytes(1L), .. BitConverter.GetBytes(7L)],
            "INT32" or "UINT32" => [.. BitConverter.GetBytes(1), .. BitConverter.GetBytes(7)],
            "INT16" or "UINT16" => [.. BitConverter.GetBytes((short)1), .. BitConverter.GetBytes((short)7)],
            _ => [1, 7],
        };
        var call = new InferenceEvent { Id = "x", Inputs = { new Tensor { Name = "t", Datatype = datatype, Shape = { 1, 2 }, Data = ByteString.CopyFrom(data) } } };
        EventView.TryRead(call.ToByteArray(), out var view);
        Assert.Equal(7, EventRows.Input(view, 0, 1));
    }

    [Fact]
    public async Task Search_over_the_real_log_finds_rows_by_time_condition_id_and_likeness()
    {
        using var directory = new TemporaryDirectory();
        await using var log = EmbeddedEventLog.Open(new EmbeddedEventLogOptions { Directory = directory.Path }, TimeProvider.System, NullLoggerFactory.Instance);
        await log.EnsureTopicAsync(new TopicDefinition(Topics.InferenceEvents, 3), TestContext.Current.CancellationToken);
        var random = new Random(9);
        var records = Enumerable.Range(0, 3000).Select(i => Calls.Record(
            Calls.Event($"e{i}", "flights", $"c{i % 7}", [[random.NextSingle(), i, 3], [random.NextSingle(), i, 4]], [[0.9f, 0.1f], [0.2f, 0.8f]]), i % 3)).ToList();
        records.Insert(1500, new LogRecord("k"u8.ToArray(), new byte[] { 0xff, 0xff }, [], 1));
        await log.AppendAsync(Topics.InferenceEvents, records, TestContext.Current.CancellationToken);
        var search = new EventSearch(log);

        var all = await search.SearchAsync(new SearchRequest { Limit = 100_000 }, TestContext.Current.CancellationToken);
        Assert.Equal((6000, 3001, 1, false), (all.Hits.Count, all.Scanned, all.Unreadable, all.Truncated));

        var delayed = await search.SearchAsync(new SearchRequest { Where = QueryParser.Parse("client == \"c3\" and label == \"delayed\"", Calls.Schemas), Limit = 10_000 }, TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(0, 3000).Count(i => i % 7 == 3), delayed.Hits.Count);
        Assert.All(delayed.Hits, h => Assert.Equal(1, h.Row));

        var limited = await search.SearchAsync(new SearchRequest { Limit = 5 }, TestContext.Current.CancellationToken);
        Assert.True(limited.Truncated);
        Assert.Equal(all.Hits.Take(5).Select(h => h.Entry.Offset), limited.Hits.Select(h => h.Entry.Offset));

        // By time: cut at a record's own time; every partition is entered at the right offset.
        var middle = all.Hits[3000].Entry.TimeUnixNano;
        var late = await search.SearchAsync(new SearchRequest { From = middle, Limit = 100_000 }, TestContext.Current.CancellationToken);
        var early = await search.SearchAsync(new SearchRequest { To = middle, Limit = 100_000 }, TestContext.Current.CancellationToken);
        Assert.Equal(6000, late.Hits.Count + early.Hits.Count);
        Assert.All(late.Hits, h => Assert.True(h.Entry.TimeUnixNano >= middle));
        Assert.True(late.Scanned + early.Scanned == 3001);

        var near = await search.SearchAsync(new SearchRequest { SimilarTo = [0.5f, 1234, 4], Limit = 3 }, TestContext.Current.CancellationToken);
        EventView.TryRead(near.Hits[0].Entry.Value!.Value.Span, out var nearest);
        Assert.Equal(("e1234", 1), (EventView.Text(nearest.Id), near.Hits[0].Row));
        Assert.Equal(near.Hits.Select(h => h.Distance).Order(), near.Hits.Select(h => h.Distance));
        Assert.Empty((await search.SearchAsync(new SearchRequest { SimilarTo = [1, 2], Limit = 3 }, TestContext.Current.CancellationToken)).Hits);

        var scale = await ColumnScale.FitAsync(log, 3, 0, long.MaxValue, TestContext.Current.CancellationToken, sample: 100_000);
        Assert.Equal(866, scale[1], 5f);
        Assert.Equal(0.5, scale[2], 0.01f);
    }

    [Fact]
    public void Output_quotes_what_would_break_a_reader()
    {
        var hit = new SearchHit(new LogEntry("t", 2, 17, 1_700_000_000_000_000_000, default, Calls.Flight("=1+1", "a,\"b\"", 1, 0, 2, 0.3f).ToByteArray(), []), 0, null);
        var line = new HitWriter(Calls.Schemas, withInputs: true).Describe(hit);
        var csv = new StringWriter();
        HitWriter.WriteCsv(csv, [line], withInputs: true);
        Assert.Equal("time,model,version,client,request,id,row,label,confidence,status,latencyMs,position,distance,input0,input1,input2\n2023-11-14T22:13:20.000Z,flights,1,\"a,\"\"b\"\"\",r-=1+1,'=1+1,0,on_time,0.7,200,5,2@17,,1,0,2\n", csv.ToString());
        var json = new StringWriter();
        HitWriter.WriteJsonLines(json, [line, line]);
        Assert.Equal(2, json.ToString().Count(c => c == '\n'));
        Assert.Contains("\"inputs\":[1,0,2]", json.ToString(), StringComparison.Ordinal);
        var table = new StringWriter();
        HitWriter.WriteTable(table, [line]);
        Assert.DoesNotContain("distance", table.ToString(), StringComparison.Ordinal);
    }
}
