using System.Globalization;

namespace Monitoring.TestKit.Servers;

/// <summary>Prometheus Alertmanager that notifies nobody, or one webhook.</summary>
public sealed class AlertmanagerServer : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory;
    private readonly ServerProcess _process;

    private AlertmanagerServer(TemporaryDirectory directory, ServerProcess process, int port)
    {
        _directory = directory;
        _process = process;
        Url = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));
    }

    public Uri Url { get; }

    /// <param name="resolveTimeout">Alertmanager's <c>resolve_timeout</c>, for example <c>5m</c>.</param>
    /// <param name="webhook">Who is told, at once; nobody where it is null.</param>
    public static async Task<AlertmanagerServer> StartAsync(string resolveTimeout = "5m", Uri? webhook = null)
    {
        var binary = ServerProcess.Require("prometheus-alertmanager", "/usr/bin/prometheus-alertmanager", "/usr/bin/alertmanager");
        var directory = new TemporaryDirectory();
        var receiver = webhook is null ? "{ name: people }" : $"{{ name: people, webhook_configs: [ {{ url: '{webhook}' }} ] }}";
        await File.WriteAllTextAsync(
            directory.File("alertmanager.yml"),
            $"global: {{ resolve_timeout: {resolveTimeout} }}\nroute: {{ receiver: people, group_wait: 0s, group_by: ['...'] }}\nreceivers: [ {receiver} ]\n");
        var port = ServerProcess.FreePort();
        var process = ServerProcess.Start(binary,
        [
            $"--config.file={directory.File("alertmanager.yml")}",
            $"--storage.path={directory.File("data")}",
            string.Create(CultureInfo.InvariantCulture, $"--web.listen-address=127.0.0.1:{port}"),
            "--cluster.listen-address=",
        ]);
        var server = new AlertmanagerServer(directory, process, port);
        try
        {
            using var http = new HttpClient();
            await process.ReadyAsync(async () => (await http.GetAsync(new Uri(server.Url, "/-/ready"))).IsSuccessStatusCode, "Alertmanager");
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
