using System.Globalization;

namespace Monitoring.TestKit.Servers;

/// <summary>PostgreSQL with an empty database <c>monitoring</c>.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory;
    private readonly ServerProcess _process;

    private PostgresServer(TemporaryDirectory directory, ServerProcess process, int port)
    {
        _directory = directory;
        _process = process;
        ConnectionString = string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port};Username=postgres;Database=monitoring");
    }

    public string ConnectionString { get; }

    public static async Task<PostgresServer> StartAsync()
    {
        string[] folders = ["/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"];
        var bin = Path.GetDirectoryName(ServerProcess.Require("postgresql", [.. folders.Select(f => f + "/postgres")]))!;
        var directory = new TemporaryDirectory();
        var data = directory.File("data");
        Directory.CreateDirectory(data);
        // The server refuses to run as root.
        string[] prefix = Environment.UserName == "root" ? ["runuser", "-u", "postgres", "--"] : [];
        if (prefix.Length > 0)
        {
            await ServerProcess.RunAsync("/usr/bin/chown", "-R", "postgres", directory.Path);
        }

        var port = ServerProcess.FreePort().ToString(CultureInfo.InvariantCulture);
        await RunAsync([$"{bin}/initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]);
        string[] command = [.. prefix, $"{bin}/postgres", "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", $"unix_socket_directories={directory.Path}", "-c", "fsync=off"];
        var process = ServerProcess.Start(command[0], command[1..], workingDirectory: directory.Path);
        var server = new PostgresServer(directory, process, int.Parse(port, CultureInfo.InvariantCulture));
        try
        {
            await process.ReadyAsync(() => ServerProcess.ListensAsync(int.Parse(port, CultureInfo.InvariantCulture)), "PostgreSQL");
            await process.ReadyAsync(
                async () =>
                {
                    try
                    {
                        await RunAsync([$"{bin}/createdb", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "monitoring"]);
                        return true;
                    }
                    catch (InvalidOperationException e) when (e.Message.Contains("starting up", StringComparison.Ordinal))
                    {
                        return false;
                    }
                },
                "PostgreSQL");
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        Task RunAsync(string[] arguments)
        {
            string[] all = [.. prefix, .. arguments];
            return ServerProcess.RunAsync(all[0], all[1..]);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _directory.Dispose();
    }
}
