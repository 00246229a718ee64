using System.Globalization;

namespace Monitoring.TestKit.Servers;

/// <summary>Prometheus that scrapes one address every second.</summary>
public sealed class PrometheusServer : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory;
    private readonly ServerProcess _process;

    private PrometheusServer(TemporaryDirectory directory, ServerProcess process, int port)
    {
        _directory = directory;
        _process = process;
        Url = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));
    }

    public Uri Url { get; }

    /// <param name="target">Host and port of what is scraped, as job <c>monitoring</c>.</param>
    /// <param name="rules">Pattern of the files of rules, evaluated every second.</param>
    /// <param name="alertmanager">Where alerts are sent.</param>
    public static async Task<PrometheusServer> StartAsync(string target, string rules, Uri alertmanager)
    {
        var binary = ServerProcess.Require("prometheus", "/usr/bin/prometheus");
        var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(
            directory.File("prometheus.yml"),
            $$"""
            global: { scrape_interval: 1s, evaluation_interval: 1s }
            rule_files: ['{{rules}}']
            alerting: { alertmanagers: [ { static_configs: [ { targets: ['{{alertmanager.Authority}}'] } ] } ] }
            scrape_configs: [ { job_name: monitoring, static_configs: [ { targets: ['{{target}}'] } ] } ]
            """);
        var port = ServerProcess.FreePort();
        var process = ServerProcess.Start(binary,
        [
            $"--config.file={directory.File("prometheus.yml")}",
            $"--storage.tsdb.path={directory.File("data")}",
            string.Create(CultureInfo.InvariantCulture, $"--web.listen-address=127.0.0.1:{port}"),
        ]);
        var server = new PrometheusServer(directory, process, port);
        try
        {
            using var http = new HttpClient();
            await process.ReadyAsync(async () => (await http.GetAsync(new Uri(server.Url, "/-/ready"))).IsSuccessStatusCode, "Prometheus");
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _directory.Dispose();
    }
}
