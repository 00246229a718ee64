using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Inference;
using Monitoring.Scoring;
using Monitoring.TestKit;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// The inference service with capture, and without, against the same session behind a bare endpoint that reads and writes the same
/// protocol and does nothing else, in turns in one process (<c>--sides bare,off,served</c>). The load comes from the same process over keep-alive
/// connections, so both pay for it alike. Twice: with the digits model (some 30 µs a call) and with one of about a millisecond (<c>--large no</c> leaves it out, <c>--large only</c> the other).
/// </summary>
internal static class InferenceSuite
{
    private const int LargeWidth = 512;
    private const int LargeLayers = 6;

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        using var models = new TemporaryDirectory();
        var large = models.File("large.onnx");
        await File.WriteAllBytesAsync(large, Large()).ConfigureAwait(false);
        var which = arguments["large", "yes"];
        var digits = which == "only" ? null : await CaseAsync(arguments, Path.Combine(FindRoot(), "infra", "demo", "digits.onnx"), "exports: [embedding, features]").ConfigureAwait(false);
        return new { suite = "inference", processors = Environment.ProcessorCount, digits, large = which == "no" ? null : await CaseAsync(arguments, large, "").ConfigureAwait(false) };
    }

    /// <summary>
    /// A model of about a millisecond on one core: the 28 lines of the image, each 28 → 512 → … → 512 → 1 through one matrix used <see cref="LargeLayers"/> times, so that arithmetic
    /// counts and not memory, and the file is small enough to compute on the calling thread, as the digits model does.
    /// </summary>
    private static byte[] Large()
    {
        var random = new Random(1);
        float[] Weights(int from, int to) => [.. Enumerable.Range(0, from * to).Select(_ => (random.NextSingle() - 0.5f) * 2 / MathF.Sqrt(from))];
        var graph = new OnnxGraphBuilder("large");
        var lines = graph.Reshape(graph.Input("image", TensorType.Float32, "rows", 1L, 28L, 28L), -1, 28);
        var hidden = graph.Relu(graph.MatMul(lines, graph.Constant<float>(Weights(28, LargeWidth), 28, LargeWidth)));
        var weights = graph.Constant<float>(Weights(LargeWidth, LargeWidth), LargeWidth, LargeWidth);
        for (var layer = 0; layer < LargeLayers; layer++)
        {
            hidden = graph.Relu(graph.MatMul(hidden, weights));
        }

        var answers = graph.Reshape(graph.MatMul(hidden, graph.Constant<float>(Weights(LargeWidth, 1), LargeWidth, 1)), -1, 28);
        graph.Output("probabilities", graph.Softmax(answers), TensorType.Float32, "rows", 28L);
        return graph.Build();
    }

    private static async Task<object> CaseAsync(BenchmarkArguments arguments, string model, string exports)
    {
        var rounds = int.Parse(arguments["rounds", "5"], CultureInfo.InvariantCulture);
        var seconds = double.Parse(arguments["seconds", "3"], CultureInfo.InvariantCulture);
        var warmUp = double.Parse(arguments["warmUp", "10"], CultureInfo.InvariantCulture);
        var connections = int.Parse(arguments["connections", "16"], CultureInfo.InvariantCulture);
        var rate = double.Parse(arguments["rate", "1000"], CultureInfo.InvariantCulture);
        var json = arguments["format", "binary"] == "json";
        using var folder = new TemporaryDirectory();
        string Text(string capture) => $$"""
            api: { listen: ["http://127.0.0.1:0"] }
            capture: { mode: "{{capture}}" }
            models:
              - name: digits
                client: [address]
                onnx: { path: "{{model}}" }
                {{exports}}
            """;
        WebApplication Build(string name, string capture) => MonitoringHost.Build(
            LoadedConfiguration.Parse(Text(capture), Path.Combine(Directory.CreateDirectory(folder.File(name)).FullName, "monitoring.yaml"), ConfigurationValidators.BuiltIn),
            [new InferenceModule()],
            s => s.AddLogging(l => l.SetMinimumLevel(LogLevel.Warning)));
        await using var served = Build("served", arguments["capture", "process"]);
        await served.StartAsync().ConfigureAwait(false);
        await using var off = Build("off", "off");
        await off.StartAsync().ConfigureAwait(false);
        using var session = served.Services.GetRequiredService<ScoringRuntime>().LoadFile("bare", model);
        await using var bare = await BareAsync(session).ConfigureAwait(false);
        var request = Request(json);
        var oneRun = OneRun(session);
        var chosen = arguments["sides", "bare,off,served"].Split(',');
        List<Side> sides = [.. new[] { new Side("bare", Address(bare)), new Side("off", Address(off)), new Side("served", Address(served)) }.Where(s => chosen.Contains(s.Name))];

        // Until the tiered compiler is done with all: it took a quarter of a short run.
        for (var i = 0; i < 4; i++)
        {
            foreach (var side in sides)
            {
                await Load.RunAsync(side.Address, request, connections, warmUp / 4, rate: null).ConfigureAwait(false);
            }
        }

        await DrainAsync(served).ConfigureAwait(false);
        for (var round = 0; round < rounds; round++)
        {
            foreach (var side in sides)
            {
                var before = ProcessCost.Now();
                var result = await Load.RunAsync(side.Address, request, connections, seconds, rate: null).ConfigureAwait(false);

                // What waits in the spool belongs to the round that filled it.
                await DrainAsync(served).ConfigureAwait(false);
                side.Rates.Add(result.PerSecond);
                side.Costs.Add(ProcessCost.Now().Since(before, result.Milliseconds.Count));
            }
        }

        for (var round = 0; round < rounds; round++)
        {
            foreach (var side in sides)
            {
                var pauses = GC.GetTotalPauseDuration();
                side.Paced.AddRange((await Load.RunAsync(side.Address, request, connections, seconds, rate).ConfigureAwait(false)).Milliseconds);
                side.PacedPauses.Add((GC.GetTotalPauseDuration() - pauses).TotalMilliseconds);
            }
        }

        await DrainAsync(served).ConfigureAwait(false);
        var statistics = served.Services.GetRequiredService<ModelRepository>().Get("digits").Statistics;
        var appended = served.Services.GetRequiredService<EventPublisher>().Appended;
        var bareSide = sides.Find(s => s.Name == "bare");
        object? Ratio(Side side)
        {
            if (bareSide is null || side == bareSide)
            {
                return null;
            }

            var ratios = bareSide.Rates.Zip(side.Rates, (b, s) => s / b).Order().ToList();
            return new { median = Median(ratios), lowest = ratios[0], highest = ratios[^1], goal = 0.95 };
        }

        return new
        {
            model = Path.GetFileNameWithoutExtension(model),
            millisecondsOfOneRun = oneRun,
            format = json ? "json" : "binary",
            connections,
            ratePerSecond = rate,
            goalAddedP99Ms = 1.0,
            sides = sides.ConvertAll(s => new
            {
                side = s.Name,
                perSecond = Median(s.Rates),
                ratio = Ratio(s),

                // Of the whole process, load generator, publishing and log included: steadier than rates on a busy machine.
                cpuMicrosecondsPerCall = Median(s.Costs.Select(c => c.CpuMicroseconds)),
                moreThanBare = bareSide is null ? 0 : Median(s.Costs.Zip(bareSide.Costs, (c, b) => c.CpuMicroseconds - b.CpuMicroseconds)),
                timesBare = bareSide is null ? 1 : Median(s.Costs.Zip(bareSide.Costs, (c, b) => c.CpuMicroseconds / b.CpuMicroseconds)),
                ofThemSystem = Median(s.Costs.Select(c => c.SystemMicroseconds)),
                ofThemLogWriter = Median(s.Costs.Select(c => c.WriterMicroseconds)),
                allocatedBytesPerCall = Median(s.Costs.Select(c => c.AllocatedBytes)),
                pageFaultsPerCall = Median(s.Costs.Select(c => c.MinorFaults)),
                switchesPerCall = Median(s.Costs.Select(c => c.Switches)),
                collectionsPerMillionCalls = s.Costs.Select(c => c.Collections).Aggregate(new double[3], (sum, c) => [.. sum.Zip(c, (x, y) => x + (y * 1e6 / rounds))]),
                pauseMicrosecondsPerCall = Median(s.Costs.Select(c => c.PauseMicroseconds)),
                pacedP50Ms = Quantile(s.Paced, 0.5),
                pacedP99Ms = Quantile(s.Paced, 0.99),
                pacedP999Ms = Quantile(s.Paced, 0.999),
                pacedPausesMs = Median(s.PacedPauses),
                addedP99Ms = bareSide is null ? 0 : Quantile(s.Paced, 0.99) - Quantile(bareSide.Paced, 0.99),
            }),
            events = new { received = statistics.Received, captured = statistics.Captured, dropped = statistics.Dropped, appended },
        };
    }

    private sealed record Side(string Name, IPEndPoint Address)
    {
        public List<double> Rates { get; } = [];

        public List<ProcessCost.PerCall> Costs { get; } = [];

        public List<double> Paced { get; } = [];

        public List<double> PacedPauses { get; } = [];
    }

    /// <summary>Milliseconds of processor time of one row through the session alone.</summary>
    private static double OneRun(ScoringModel session)
    {
        var image = ScoringTensor.Create("image", new float[784], 1, 1, 28, 28);
        const int runs = 200;
        for (var i = 0; i < runs; i++)
        {
            session.Run([image], ["probabilities"], CancellationToken.None);
        }

        var before = Environment.CpuUsage.TotalTime;
        for (var i = 0; i < runs; i++)
        {
            session.Run([image], ["probabilities"], CancellationToken.None);
        }

        return (Environment.CpuUsage.TotalTime - before).TotalMilliseconds / runs;
    }

    internal static async Task DrainAsync(WebApplication served)
    {
        var spool = served.Services.GetRequiredService<Spool>();
        await Eventually.TrueAsync(() => spool.PendingBytes == 0, "the spool is empty", TimeSpan.FromMinutes(2)).ConfigureAwait(false);
    }

    private static async Task<WebApplication> BareAsync(ScoringModel session)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(k => k.AddServerHeader = false);
        var app = builder.Build();
        app.MapPost("/v2/models/digits/infer", async (HttpContext context) =>
        {
            var body = await RequestBody.ReadAsync(context.Request, 32 << 20, context.RequestAborted).ConfigureAwait(false);
            int? length = context.Request.Headers.TryGetValue(InferEndpoints.HeaderLength, out var header) ? int.Parse(header.ToString(), CultureInfo.InvariantCulture) : null;
            var message = InferMessageReader.ReadRequest(body, length);
            var outputs = session.Run(message.Tensors, ["probabilities"], CancellationToken.None);
            var response = new ArrayBufferWriter<byte>(1024);
            InferResponse.Write(response, "digits", "1", message.Id, outputs, message);
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = response.WrittenCount;
            await context.Response.BodyWriter.WriteAsync(response.WrittenMemory, context.RequestAborted).ConfigureAwait(false);
        });
        await app.StartAsync().ConfigureAwait(false);
        return app;
    }

    private static byte[] Request(bool json)
    {
        var random = new Random(1);
        var pixels = Enumerable.Range(0, 784).Select(_ => random.Next(4) == 0 ? random.Next(256) / 255f : 0f).ToArray();
        var header = json
            ? $$"""{"inputs":[{"name":"image","shape":[1,1,28,28],"datatype":"FP32","data":[{{string.Join(',', pixels.Select(p => p.ToString("R", CultureInfo.InvariantCulture)))}}]}]}"""
            : """{"inputs":[{"name":"image","shape":[1,1,28,28],"datatype":"FP32","parameters":{"binary_data_size":3136}}]}""";
        byte[] body = [.. Encoding.UTF8.GetBytes(header), .. json ? [] : MemoryMarshal.AsBytes<float>(pixels).ToArray()];
        var extension = json ? "" : $"{InferEndpoints.HeaderLength}: {header.Length}\r\n";
        return [.. Encoding.ASCII.GetBytes($"POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n{extension}Content-Length: {body.Length}\r\n\r\n"), .. body];
    }

    internal static IPEndPoint Address(WebApplication app) =>
        new(IPAddress.Loopback, new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port);

    private static double Median(IEnumerable<double> values) => Quantile([.. values], 0.5);

    private static double Quantile(List<double> values, double q)
    {
        values.Sort();
        return values[(int)Math.Min(values.Count - 1, q * values.Count)];
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Monitoring.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("run the benchmarks from a checkout: infra/demo is needed");
    }

    /// <summary>Keep-alive connections that send requests in turn: as fast as answers come, or each at its share of a rate.</summary>
    internal static class Load
    {
        public static Task<(double PerSecond, List<double> Milliseconds)> RunAsync(IPEndPoint address, byte[] request, int connections, double seconds, double? rate) =>
            RunAsync(address, [request], connections, seconds, rate);

        public static async Task<(double PerSecond, List<double> Milliseconds)> RunAsync(IPEndPoint address, byte[][] requests, int connections, double seconds, double? rate)
        {
            var start = Stopwatch.GetTimestamp();
            var end = start + (long)(seconds * Stopwatch.Frequency);
            var results = await Task.WhenAll(Enumerable.Range(0, connections).Select(i => Task.Run(() => ConnectionAsync(
                address,
                requests,
                i * (requests.Length / connections),
                start + (rate is null ? 0 : (long)(i / rate * Stopwatch.Frequency)),
                end,
                rate is null ? 0 : (long)(connections / rate * Stopwatch.Frequency))))).ConfigureAwait(false);
            var elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
            return (results.Sum(r => r.Count) / elapsed, [.. results.SelectMany(r => r)]);
        }

        private static async Task<List<double>> ConnectionAsync(IPEndPoint address, byte[][] requests, int first, long next, long end, long interval)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(address).ConfigureAwait(false);
            var times = new List<double>();
            var buffer = new byte[16384];
            while (Stopwatch.GetTimestamp() < end)
            {
                if (interval > 0)
                {
                    var wait = next - Stopwatch.GetTimestamp();
                    if (wait > 0)
                    {
                        await Task.Delay(TimeSpan.FromSeconds((double)wait / Stopwatch.Frequency), TimeProvider.System).ConfigureAwait(false);
                    }

                    next += interval;
                }

                var sent = Stopwatch.GetTimestamp();
                await socket.SendAsync(requests[(first + times.Count) % requests.Length]).ConfigureAwait(false);
                await ReceiveAsync(socket, buffer).ConfigureAwait(false);
                times.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
            }

            return times;
        }

        private static async Task ReceiveAsync(Socket socket, byte[] buffer)
        {
            var have = 0;
            var need = int.MaxValue;
            while (have < need)
            {
                var read = await socket.ReceiveAsync(buffer.AsMemory(have)).ConfigureAwait(false);
                if (read == 0)
                {
                    throw new IOException("the server closed the connection");
                }

                have += read;
                if (need == int.MaxValue && buffer.AsSpan(0, have).IndexOf("\r\n\r\n"u8) is >= 0 and var head)
                {
                    var headers = Encoding.ASCII.GetString(buffer, 0, head);
                    if (!headers.StartsWith("HTTP/1.1 200", StringComparison.Ordinal))
                    {
                        throw new InvalidOperationException(Encoding.UTF8.GetString(buffer, 0, have));
                    }

                    const string name = "Content-Length: ";
                    var at = headers.IndexOf(name, StringComparison.OrdinalIgnoreCase) + name.Length;
                    var line = headers.IndexOf('\r', at);
                    need = head + 4 + int.Parse(headers.AsSpan(at, (line < 0 ? headers.Length : line) - at), CultureInfo.InvariantCulture);
                }
            }
        }
    }
}
