using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.EventLog.Embedded;
using Monitoring.Replay.Search;
using Monitoring.TestKit;

namespace Monitoring.Benchmarks.Suites;

/// <summary><c>search [--events N] [--digits N]</c>: one minute out of all events, a full scan with a predicate, and the nearest digits.</summary>
internal static class SearchSuite
{
    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var events = int.Parse(arguments["events", "1000000"], CultureInfo.InvariantCulture);
        var digits = int.Parse(arguments["digits", "100000"], CultureInfo.InvariantCulture);
        using var directory = new TemporaryDirectory();
        var random = new Random(1);

        // Rows of five numbers, as the flights model has.
        var clock = new ScaledTime(1000);
        double oneMinute, fullScan;
        long minuteEvents, hits, bytes = 0;
        await using (var log = await OpenAsync(directory.File("rows"), clock))
        {
            await FillAsync(log, events, 256, i =>
            {
                var call = Call(i, "flights", [random.Next(24), random.Next(7), random.Next(3000), random.Next(200), random.Next(200)], 2, random);
                bytes += call.CalculateSize();
                return call;
            });
            var offsets = await log.GetOffsetsAsync(Topics.InferenceEvents, 0);
            var middle = 0L;
            await foreach (var entry in log.ReadAsync(Topics.InferenceEvents, 0, offsets.End / 2, (offsets.End / 2) + 1))
            {
                middle = entry.TimeUnixNano;
            }

            var search = new EventSearch(log);
            var start = Stopwatch.GetTimestamp();
            var minute = await search.SearchAsync(new SearchRequest { From = middle, To = middle + 60_000_000_000, Limit = int.MaxValue }, CancellationToken.None);
            oneMinute = Stopwatch.GetElapsedTime(start).TotalSeconds;
            minuteEvents = minute.Scanned;
            start = Stopwatch.GetTimestamp();
            var all = await search.SearchAsync(new SearchRequest { Where = QueryParser.Parse("client == \"c7\" and label == \"1\" and confidence > 0.9 and input[2] > 2900", new Dictionary<string, ModelSchema>()), Limit = int.MaxValue }, CancellationToken.None);
            fullScan = all.Scanned / Stopwatch.GetElapsedTime(start).TotalSeconds;
            hits = all.Hits.Count;
        }

        double similarity;
        await using (var log = await OpenAsync(directory.File("digits"), TimeProvider.System))
        {
            var pixels = new float[784];
            await FillAsync(log, digits, 64, i =>
            {
                for (var p = 0; p < 784; p++)
                {
                    pixels[p] = random.NextSingle();
                }

                return Call(i, "digits", pixels, 10, random);
            });
            var start = Stopwatch.GetTimestamp();
            var near = await new EventSearch(log).SearchAsync(new SearchRequest { SimilarTo = pixels, Limit = 20 }, CancellationToken.None);
            similarity = near.Scanned / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        return new { events, bytesPerEvent = bytes / events, oneMinuteSeconds = oneMinute, oneMinuteEvents = minuteEvents, fullScanEventsPerSecond = fullScan, fullScanHits = hits, digits, similarityDigitsPerSecond = similarity };
    }

    private static async Task<EmbeddedEventLog> OpenAsync(string path, TimeProvider time)
    {
        var log = EmbeddedEventLog.Open(new EmbeddedEventLogOptions { Directory = path }, time, NullLoggerFactory.Instance);
        await log.EnsureTopicAsync(new TopicDefinition(Topics.InferenceEvents, 4));
        return log;
    }

    private static async Task FillAsync(EmbeddedEventLog log, int count, int batch, Func<int, InferenceEvent> make)
    {
        for (var sent = 0; sent < count; sent += batch)
        {
            var records = Enumerable.Range(sent, Math.Min(batch, count - sent)).Select(i =>
            {
                var call = make(i);
                return new LogRecord(ReadOnlyMemory<byte>.Empty, call.ToByteArray(), [new LogHeader(Headers.Id, System.Text.Encoding.UTF8.GetBytes(call.Id))], i % 4);
            }).ToArray();
            await log.AppendAsync(Topics.InferenceEvents, records);
        }
    }

    private static InferenceEvent Call(int i, string model, float[] row, int classes, Random random)
    {
        var outputs = Enumerable.Range(0, classes).Select(_ => random.NextSingle()).ToArray();
        return new InferenceEvent
        {
            Id = $"e{i}",
            TimeUnixNano = i,
            Model = model,
            ModelVersion = "1",
            Client = new Client { Id = $"c{i % 50}", Source = "api-key" },
            RequestId = $"r{i}",
            Status = 200,
            LatencyNano = 1_000_000,
            Source = new Source { Instance = "host-1", StartUnixNano = 1, Sequence = (ulong)i },
            Inputs = { new Tensor { Name = "x", Datatype = "FP32", Shape = { 1, row.Length }, Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(row)) } },
            Outputs = { new Tensor { Name = "probabilities", Datatype = "FP32", Shape = { 1, classes }, Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(outputs)) } },
        };
    }
}
