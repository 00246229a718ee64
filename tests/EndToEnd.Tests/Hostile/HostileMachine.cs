using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.MemoryMappedFiles;
using Monitoring.TestKit;
using Monitoring.TestKit.Servers;

namespace Monitoring.EndToEnd.Tests.Hostile;

/// <summary>The machine as one child process sees it: its clock can jump and its disk can be full (<c>machine.c</c>, compiled here and loaded before the C library).</summary>
internal sealed class HostileMachine : IDisposable
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _state;

    private HostileMachine(MemoryMappedFile map, IReadOnlyDictionary<string, string> environment)
    {
        _map = map;
        _state = map.CreateViewAccessor();
        Environment = environment;
    }

    /// <summary>Environment of the child.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; }

    /// <summary>How wrong its clock is.</summary>
    public TimeSpan ClockError
    {
        set => _state.Write(0, value.Ticks * 100);
    }

    /// <summary>Writes to files fail with ENOSPC.</summary>
    public bool IsDiskFull
    {
        set => _state.Write(8, value ? 1L : 0L);
    }

    /// <summary>Compiles the library into the folder.</summary>
    public static async Task<HostileMachine> CreateAsync(TemporaryDirectory folder)
    {
        var compiler = ServerProcess.Require("gcc", "/usr/bin/gcc", "/usr/local/bin/gcc");
        var library = folder.File("machine.so");
        await ServerProcess.RunAsync(compiler, "-O2", "-shared", "-fPIC", "-o", library, Path.Combine(AppContext.BaseDirectory, "machine.c"), "-ldl");
        var state = folder.File("machine.state");
        await File.WriteAllBytesAsync(state, new byte[16]);
        return new HostileMachine(
            MemoryMappedFile.CreateFromFile(state, FileMode.Open),
            new Dictionary<string, string>(StringComparer.Ordinal) { ["LD_PRELOAD"] = library, ["MONITORING_TEST_MACHINE"] = state });
    }

    public void Dispose()
    {
        _state.Dispose();
        _map.Dispose();
    }
}
