using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Monitoring.TestKit.Servers;

/// <summary>A real server from a Debian package, on a free loopback port, gone with its files when disposed.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();

    private ServerProcess(Process process) => _process = process;

    /// <summary>What it wrote so far, for error messages.</summary>
    public string Output => string.Join('\n', _output.TakeLast(40));

    public static ServerProcess Start(string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? workingDirectory = null)
    {
        var start = new ProcessStartInfo(file) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = workingDirectory ?? Path.GetTempPath() };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        var process = new Process { StartInfo = start };
        var server = new ServerProcess(process);
        process.OutputDataReceived += (_, e) => server.Take(e.Data);
        process.ErrorDataReceived += (_, e) => server.Take(e.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return server;
    }

    /// <summary>Runs a command to its end; throws with its output when it fails.</summary>
    public static async Task RunAsync(string file, params string[] arguments)
    {
        await using var server = Start(file, arguments);
        await server._process.WaitForExitAsync();
        if (server._process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{file} {string.Join(' ', arguments)} ended with {server._process.ExitCode}: {server.Output}");
        }
    }

    /// <summary>Waits until <paramref name="ready"/> holds; throws with the server's output when it ends first or the time is up.</summary>
    public async Task ReadyAsync(Func<Task<bool>> ready, string what)
    {
        try
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    if (_process.HasExited)
                    {
                        throw new InvalidOperationException($"{what} ended with {_process.ExitCode}: {Output}");
                    }

                    try
                    {
                        return await ready();
                    }
                    catch (Exception e) when (e is SocketException or HttpRequestException or IOException)
                    {
                        return false;
                    }
                },
                $"{what} answers",
                TimeSpan.FromSeconds(120));
        }
        catch (TimeoutException e)
        {
            throw new InvalidOperationException($"{e.Message}: {Output}", e);
        }
    }

    public static async Task<bool> ListensAsync(int port)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        return true;
    }

    /// <summary>A port that was free a moment ago: these servers cannot take port 0 and tell.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>The first of the paths that exists. When none does, the test is skipped here and fails in CI, where nothing may be skipped.</summary>
    public static string Require(string package, params string[] paths)
    {
        if (paths.FirstOrDefault(File.Exists) is { } found)
        {
            return found;
        }

        var message = $"needs the Debian package {package}: apt-get install {package}";
        throw new MissingServerException(message);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private void Take(string? line)
    {
        if (line is not null)
        {
            _output.Enqueue(line);
            while (_output.Count > 200)
            {
                _output.TryDequeue(out _);
            }
        }
    }
}
