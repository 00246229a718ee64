using System.Collections.Concurrent;
using System.Diagnostics;

namespace Monitoring.EndToEnd.Tests.Kill;

/// <summary>The product's executable as a child process.</summary>
internal sealed class ProductProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();

    private ProductProcess(Process process) => _process = process;

    public string Output => string.Join('\n', _output.TakeLast(40));

    public bool HasExited => _process.HasExited;

    public static ProductProcess Start(string configuration, Uri listen, IReadOnlyDictionary<string, string>? environment = null)
    {
        var info = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "Monitoring.AllInOne.dll"), "run", "--config", configuration, "--listen", listen.GetLeftPart(UriPartial.Authority)])
        {
            info.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            info.Environment[name] = value;
        }

        var result = new ProductProcess(Process.Start(info)!);
        result._process.OutputDataReceived += (_, line) => result._output.Enqueue(line.Data ?? "");
        result._process.ErrorDataReceived += (_, line) => result._output.Enqueue(line.Data ?? "");
        result._process.BeginOutputReadLine();
        result._process.BeginErrorReadLine();
        return result;
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }
}
