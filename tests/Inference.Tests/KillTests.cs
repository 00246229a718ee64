using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Monitoring.TestKit;

namespace Monitoring.Inference.Tests;

/// <summary>SIGKILL of the real process under load: every answered call is in the log, and no call under two ids.</summary>
public sealed class KillTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Every_answered_call_survives_kill_9(int seed)
    {
        using var folder = new TemporaryDirectory();
        var random = new Random(seed);
        var answered = new HashSet<string>();
        var text = $$"""
            models:
              - name: flights
                onnx: { path: "{{TestServer.Demo("flights.onnx")}}" }
            """;
        for (var round = 0; round < 2; round++)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var port = ((IPEndPoint)listener.LocalEndpoint).Port;
            listener.Stop();
            await File.WriteAllTextAsync(folder.File("monitoring.yaml"), $"api: {{ listen: [\"http://127.0.0.1:{port}\"] }}\n{text}", TestContext.Current.CancellationToken);
            using var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Monitoring.Inference.dll"), "run", "--config", folder.File("monitoring.yaml")])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            })!;
            process.OutputDataReceived += (_, _) => { };
            process.ErrorDataReceived += (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            try
            {
                using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
                await Eventually.TrueAsync(
                    async () =>
                    {
                        Assert.False(process.HasExited);
                        try
                        {
                            return (await client.GetAsync("/v2/health/ready")).IsSuccessStatusCode;
                        }
                        catch (HttpRequestException)
                        {
                            return false;
                        }
                    },
                    "the service is up",
                    TimeSpan.FromSeconds(90));
                var killAt = random.Next(50, 400);
                var current = round;
                await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
                {
                    for (var i = 0; ; i++)
                    {
                        var id = $"{current}-{worker}-{i}";
                        try
                        {
                            using var content = new StringContent($$"""{"id":"{{id}}","inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[9,1,300,2,3]}]}""", Encoding.UTF8, "application/json");
                            using var response = await client.PostAsync("/v2/models/flights/infer", content);
                            if (response.StatusCode != HttpStatusCode.OK)
                            {
                                return;
                            }
                        }
                        catch (HttpRequestException)
                        {
                            return;
                        }

                        lock (answered)
                        {
                            answered.Add(id);
                            if (answered.Count(a => a.StartsWith(current + "-", StringComparison.Ordinal)) == killAt)
                            {
                                process.Kill();
                            }
                        }
                    }
                })));
            }
            finally
            {
                process.Kill();
                await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            }
        }

        await using var server = await TestServer.StartAsync(text, folder.Path);
        await Eventually.TrueAsync(
            async () => answered.IsSubsetOf((await server.EventsAsync()).Select(e => e.Event.RequestId)),
            "every answered call is in the log");
        var events = (await server.EventsAsync()).Select(e => e.Event).ToList();
        Assert.All(events.GroupBy(e => e.RequestId), g => Assert.Single(g.Select(e => e.Id).Distinct()));

        foreach (var start in events.GroupBy(e => e.Source.StartUnixNano))
        {
            // Numbers are contiguous but for calls that were being captured at the kill, which nobody got an answer to.
            var sequences = start.Select(e => e.Source.Sequence).Distinct().Order().ToList();
            Assert.Equal(1UL, sequences[0]);
            Assert.InRange(sequences[^1], (ulong)sequences.Count, (ulong)sequences.Count + 4);
        }
    }
}
