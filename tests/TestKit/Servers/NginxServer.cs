using System.Globalization;

namespace Monitoring.TestKit.Servers;

/// <summary>A real nginx with a given http block on a free loopback port.</summary>
public sealed class NginxServer : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory;
    private readonly ServerProcess _process;

    private NginxServer(TemporaryDirectory directory, ServerProcess process, int port)
    {
        _directory = directory;
        _process = process;
        Url = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));
    }

    public Uri Url { get; }

    /// <param name="http">Content of the http block; <c>listen 8000;</c> is replaced by the free port.</param>
    public static async Task<NginxServer> StartAsync(string http)
    {
        var binary = ServerProcess.Require("nginx", "/usr/sbin/nginx", "/usr/bin/nginx");
        var directory = new TemporaryDirectory();
        var port = ServerProcess.FreePort();
        var folders = string.Concat(((string[])["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]).Select(f => $"{f}_temp_path {directory.File(f)};\n"));
        await File.WriteAllTextAsync(
            directory.File("nginx.conf"),
            string.Create(CultureInfo.InvariantCulture, $$"""
                worker_processes 1;
                daemon off;
                pid {{directory.File("nginx.pid")}};
                error_log stderr;
                events { worker_connections 512; }
                http {
                  access_log off;
                  {{folders}}
                  {{http.Replace("listen 8000;", string.Create(CultureInfo.InvariantCulture, $"listen 127.0.0.1:{port};"), StringComparison.Ordinal)}}
                }
                """));
        var process = ServerProcess.Start(binary, ["-p", directory.Path, "-c", directory.File("nginx.conf"), "-e", "stderr"]);
        var server = new NginxServer(directory, process, port);
        try
        {
            await process.ReadyAsync(() => ServerProcess.ListensAsync(port), "nginx");
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
