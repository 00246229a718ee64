using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Adversarial;
using Monitoring.EventLog;
using Monitoring.Extraction;
using Monitoring.Hosting;
using Monitoring.Hosting.Tables;
using Monitoring.Inference;
using Monitoring.Leakage;
using Monitoring.TestKit;

namespace Monitoring.AllInOne.Tests;

/// <summary>A running installation that serves the demo's digits, with the attack monitors or without any.</summary>
public sealed class AttackedInstallation : IAsyncLifetime
{
    private WebApplication _app = null!;

    /// <summary>Watched, as a fixture is.</summary>
    public AttackedInstallation()
        : this(watched: true)
    {
    }

    internal AttackedInstallation(bool watched) => Modules = watched ? [new InferenceModule(), new AdversarialModule(), new ExtractionModule(), new LeakageModule()] : [new InferenceModule()];

    internal static string Demo { get; } = Path.Combine(AppContext.BaseDirectory, "demo");

    internal IServiceModule[] Modules { get; }

    internal TemporaryDirectory Directory { get; } = new();

    internal string Config { get; private set; } = "";

    internal Uri Server => new(_app.Urls.First());

    internal IEventLog Log => _app.Services.GetRequiredService<IEventLog>();

    public async ValueTask InitializeAsync()
    {
        var population = NpyFile.Read(Path.Combine(Demo, "digits-population.X.npy"));
        Write("reference.npy", 0, 1_500);
        Write("held-out.npy", 3_000, 1_200);
        Config = Directory.File("monitoring.yaml");
        var monitors = Modules.Length == 1 ? "[]" : $$"""

                  - kind: query-similarity
                  - kind: off-manifold
                  - kind: query-budget
                    options: { queries: 60 }
                  - kind: membership
                    options: { training: '{{Path.Combine(Demo, "digits-train.X.npy")}}' }
            """;
        await File.WriteAllTextAsync(
            Config,
            string.Create(CultureInfo.InvariantCulture, $$"""
            data: .
            api: { listen: ['http://127.0.0.1:{{FreePort()}}'] }
            models:
              - name: digits
                onnx: { path: '{{Path.Combine(Demo, "digits.onnx")}}' }
                exports: [embedding, features]
                schema: '{{Path.Combine(Demo, "digits.schema.json")}}'
                reference: reference.npy
                client: ['header:X-Client']
                trustedProxies: [127.0.0.1]
                monitors: {{monitors}}

            """),
            TestContext.Current.CancellationToken);
        var configuration = CheckVerb.Load(Config, Modules);
        Assert.Empty(configuration.Errors);
        _app = MonitoringHost.Build(configuration, Modules);
        await _app.StartAsync(TestContext.Current.CancellationToken);
        using var http = new HttpClient { BaseAddress = Server };
        await Eventually.TrueAsync(async () => (await http.GetAsync("/health/ready", TestContext.Current.CancellationToken)).IsSuccessStatusCode, "the installation is ready", TimeSpan.FromMinutes(5));

        void Write(string name, int start, int rows) =>
            NpyFile.Write(Directory.File(name), [rows, 1, 28, 28], [.. Enumerable.Range(start, rows).SelectMany(r => population.Row(r).ToArray()).Select(v => v / 255)]);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        Directory.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
