using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.ML.OnnxRuntime;

namespace Monitoring.Scoring;

/// <summary>
/// ONNX Runtime as the whole process uses it: one environment with one thread pool and one registered allocator, one
/// device, and the sessions of all models, of which the least recently used idle ones are unloaded beyond a limit.
/// Thread-safe.
/// </summary>
public sealed partial class ScoringRuntime : IDisposable
{
    /// <summary>Name of the meter: <c>monitoring_scoring_…</c>.</summary>
    public const string MeterName = "Monitoring.Scoring";

    /// <summary>Models below this many bytes run on the calling thread.</summary>
    internal const int SmallModelBytes = 4 << 20;

    private const string CudaLibrary = "libonnxruntime_providers_cuda.so";
    private const string CudaProvider = "CUDAExecutionProvider";

    /// <summary>Guards the creation of the process-wide environment, which ONNX Runtime allows once.</summary>
    private static readonly Lock s_environmentGate = new();

    private readonly Lock _gate = new();
    private readonly LinkedList<ScoringModel> _loaded = new();
    private readonly ScoringOptions _options;
    private readonly ILogger _logger;
    private readonly Meter _meter;
    private readonly OrtEnv _environment;
    private readonly OrtEpDevice? _cuda;
    private readonly Counter<long> _unloads;
    private readonly Histogram<double> _runSeconds;
    private readonly Histogram<double> _batchRows;
    private readonly TimeProvider _time;
    private readonly ITimer? _unloadTimer;
    private bool _disposed;

    /// <param name="options">Settings.</param>
    /// <param name="logger">Where the choice of device is told.</param>
    /// <param name="meters">Factory of the meter; null makes one.</param>
    /// <param name="time">Clock of unloading; null is the system's.</param>
    /// <exception cref="ScoringException">The device named in the options is absent or malformed (<see cref="ScoringError.Device"/>).</exception>
    public ScoringRuntime(ScoringOptions? options = null, ILogger<ScoringRuntime>? logger = null, IMeterFactory? meters = null, TimeProvider? time = null)
    {
        _time = time ?? TimeProvider.System;
        _options = options ?? new ScoringOptions();
        ArgumentOutOfRangeException.ThrowIfNegative(_options.Threads);
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.MaxLoadedModels, 1);
        _logger = logger ?? NullLogger<ScoringRuntime>.Instance;
        var wanted = ParseDevice(_options.Device);
        Threads = _options.Threads == 0 ? Environment.ProcessorCount : _options.Threads;
        _environment = OpenEnvironment();
        (Device, _cuda) = Choose(wanted);
        LogDevice(Device.Requested, Device.Device, Device.Reason);

        _meter = meters?.Create(MeterName) ?? new Meter(MeterName);
        _meter.CreateObservableGauge("monitoring_scoring_device_info", DeviceInfo, description: "1, with the device that was asked for, the one chosen, and why");
        _meter.CreateObservableGauge("monitoring_scoring_models_loaded", () => LoadedModels, description: "Sessions in memory");
        _unloads = _meter.CreateCounter<long>("monitoring_scoring_unloads_total", description: "Idle sessions unloaded to stay within the limit");
        _runSeconds = _meter.CreateHistogram<double>("monitoring_scoring_run_seconds", "s", "Time of one run of a session");
        _batchRows = _meter.CreateHistogram<double>("monitoring_scoring_batch_rows", "rows", "Rows joined into one run");
        if (_options.UnloadAfter is { } after)
        {
            var period = TimeSpan.FromTicks(Math.Clamp(after.Ticks / 4, TimeSpan.TicksPerSecond, TimeSpan.TicksPerMinute));
            _unloadTimer = _time.CreateTimer(static state => ((ScoringRuntime)state!).UnloadIdle(), this, period, period);
        }
    }

    /// <summary>The device in use, and why.</summary>
    public DeviceChoice Device { get; }

    /// <summary>Threads of the pool that this runtime asked for.</summary>
    public int Threads { get; }

    /// <summary>Sessions in memory now.</summary>
    public int LoadedModels
    {
        get
        {
            lock (_gate)
            {
                return _loaded.Count;
            }
        }
    }

    /// <summary>Loads a model file: checks size, format, external data and the pinned hash, then makes a session and so proves that it runs here.</summary>
    /// <param name="name">Name for messages and metrics.</param>
    /// <param name="path">ONNX file.</param>
    /// <param name="sha256">Pinned hash, 64 hexadecimal digits; null for no pin.</param>
    /// <param name="threads">On which threads it computes.</param>
    /// <exception cref="ScoringException">Any of the checks failed.</exception>
    public ScoringModel LoadFile(string name, string path, string? sha256 = null, ScoringThreads threads = ScoringThreads.Auto)
    {
        var full = Path.GetFullPath(path);
        var bytes = ModelFile.Read(full, _options.MaxModelBytes);
        var hash = CheckPin(name, bytes, sha256);
        var external = ModelFile.Check(name, bytes, Path.GetDirectoryName(full));
        if (external && sha256 is not null)
        {
            throw new ScoringException(ScoringError.HashMismatch, $"model '{name}' keeps tensors in other files, which its SHA-256 pin does not cover: save it as one file");
        }

        return Warm(new ScoringModel(this, name, hash, bytes.Length, external ? full : null, external ? null : () => Reread(name, full, hash), threads), external ? null : bytes);
    }

    /// <summary>Loads a model from memory, with the checks of <see cref="LoadFile"/>; external data is refused. The bytes are kept for reloading after an unload.</summary>
    public ScoringModel LoadBytes(string name, byte[] bytes, string? sha256 = null, ScoringThreads threads = ScoringThreads.Auto)
    {
        if (bytes.LongLength > _options.MaxModelBytes)
        {
            throw new ScoringException(ScoringError.TooLarge, $"model '{name}' has {bytes.Length} bytes; at most {_options.MaxModelBytes} are allowed");
        }

        var hash = CheckPin(name, bytes, sha256);
        ModelFile.Check(name, bytes, folder: null);
        return Warm(new ScoringModel(this, name, hash, bytes.Length, null, () => bytes, threads), bytes);
    }

    public void Dispose()
    {
        _unloadTimer?.Dispose();
        List<InferenceSession> sessions = [];
        lock (_gate)
        {
            _disposed = true;
            for (var node = _loaded.First; node is not null;)
            {
                var next = node.Next;
                if (node.Value.Users == 0)
                {
                    sessions.Add(Detach(node.Value));
                }

                node = next;
            }
        }

        sessions.ForEach(s => s.Dispose());
        _meter.Dispose();
    }

    /// <summary>A session for one run; every call is paired with <see cref="Return"/>.</summary>
    internal InferenceSession Rent(ScoringModel model)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed || model.IsDisposed, model);
            model.Users++;
            model.LastUsed = _time.GetTimestamp();
            if (model.Session is { } session)
            {
                if (_loaded.First != model.Node)
                {
                    _loaded.Remove(model.Node);
                    _loaded.AddFirst(model.Node);
                }

                return session;
            }
        }

        try
        {
            // One load at a time per model; loads of different models run side by side.
            lock (model.LoadGate)
            {
                return model.Session ?? Attach(model, CreateSession(model, model.Reload?.Invoke()));
            }
        }
        catch
        {
            Return(model);
            throw;
        }
    }

    internal void Return(ScoringModel model)
    {
        InferenceSession? unused = null;
        lock (_gate)
        {
            if (--model.Users == 0 && (_disposed || model.IsDisposed) && model.Session is not null)
            {
                unused = Detach(model);
            }
        }

        unused?.Dispose();
    }

    /// <summary>Frees the model's session as soon as no run uses it.</summary>
    internal void Release(ScoringModel model)
    {
        InferenceSession? unused = null;
        lock (_gate)
        {
            model.IsDisposed = true;
            if (model.Users == 0 && model.Session is not null)
            {
                unused = Detach(model);
            }
        }

        unused?.Dispose();
    }

    internal void RecordRun(string model, long startTimestamp, long rows)
    {
        var tag = new KeyValuePair<string, object?>("model", model);
        _runSeconds.Record(Stopwatch.GetElapsedTime(startTimestamp).TotalSeconds, tag);
        _batchRows.Record(rows, tag);
    }

    private static int? ParseDevice(string device)
    {
        if (device is "auto" or "cpu")
        {
            return null;
        }

        if (device.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var index))
        {
            return index;
        }

        throw new ScoringException(ScoringError.Device, $"device '{device}' is unknown; allowed: auto, cpu, cuda:N");
    }

    private static string CheckPin(string name, byte[] bytes, string? pin)
    {
        var hash = ModelFile.Sha256(bytes);
        return pin is null || string.Equals(hash, pin, StringComparison.OrdinalIgnoreCase)
            ? hash
            : throw new ScoringException(ScoringError.HashMismatch, $"model '{name}' has SHA-256 {hash}, but {pin} is pinned");
    }

    private byte[] Reread(string name, string path, string hash)
    {
        var bytes = ModelFile.Read(path, _options.MaxModelBytes);
        CheckPin(name, bytes, hash);
        return bytes;
    }

    private ScoringModel Warm(ScoringModel model, byte[]? bytes)
    {
        var session = CreateSession(model, bytes);
        try
        {
            model.Describe(session);
        }
        catch
        {
            session.Dispose();
            throw;
        }

        Attach(model, session);
        return model;
    }

    private InferenceSession Attach(ScoringModel model, InferenceSession session)
    {
        List<InferenceSession> victims = [];
        lock (_gate)
        {
            model.Session = session;
            model.LastUsed = _time.GetTimestamp();
            _loaded.AddFirst(model.Node);
            for (var node = _loaded.Last; node is not null && _loaded.Count > _options.MaxLoadedModels;)
            {
                var previous = node.Previous;
                if (node.Value.Users == 0 && node.Value != model)
                {
                    victims.Add(Detach(node.Value));
                }

                node = previous;
            }
        }

        foreach (var victim in victims)
        {
            victim.Dispose();
            _unloads.Add(1);
        }

        return session;
    }

    /// <summary>Unloads what has been idle for longer than the limit. The list is in order of use.</summary>
    private void UnloadIdle()
    {
        List<InferenceSession> victims = [];
        lock (_gate)
        {
            for (var node = _loaded.Last; node is not null && _time.GetElapsedTime(node.Value.LastUsed) > _options.UnloadAfter;)
            {
                var previous = node.Previous;
                if (node.Value.Users == 0)
                {
                    victims.Add(Detach(node.Value));
                }

                node = previous;
            }
        }

        foreach (var victim in victims)
        {
            victim.Dispose();
            _unloads.Add(1);
        }
    }

    private InferenceSession Detach(ScoringModel model)
    {
        var session = model.Session!;
        model.Session = null;
        _loaded.Remove(model.Node);
        return session;
    }

    private InferenceSession CreateSession(ScoringModel model, byte[]? bytes)
    {
        using var options = new SessionOptions();
        if (model.Threads == ScoringThreads.Caller)
        {
            // A pool of one is no pool: no thread is made.
            options.IntraOpNumThreads = 1;
            options.InterOpNumThreads = 1;
        }
        else
        {
            options.DisablePerSessionThreads();
        }

        options.AddSessionConfigEntry("session.use_env_allocators", "1");
        options.GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL;
        options.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
        // Errors come as exceptions; what a caller can provoke does not belong on the console.
        options.LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL;
        if (_cuda is not null)
        {
            options.AppendExecutionProvider(_environment, [_cuda], new Dictionary<string, string>());
        }

        try
        {
            return bytes is not null ? new InferenceSession(bytes, options) : new InferenceSession(model.Path!, options);
        }
        catch (OnnxRuntimeException e)
        {
            throw new ScoringException(ScoringError.Format, $"model '{model.Name}' cannot be run: {e.Message}", e);
        }
    }

    private OrtEnv OpenEnvironment()
    {
        lock (s_environmentGate)
        {
            if (OrtEnv.IsCreated)
            {
                return OrtEnv.Instance();
            }

            using var threads = new OrtThreadingOptions
            {
                GlobalIntraOpNumThreads = Threads,
                GlobalInterOpNumThreads = 1,
                // Spinning buys microseconds and costs a core: this process has other work.
                GlobalSpinControl = false,
            };
            var creation = new EnvironmentCreationOptions { logId = "monitoring", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, threadOptions = threads };
            var environment = OrtEnv.CreateInstanceWithOptions(ref creation);
            using var memory = new OrtMemoryInfo(OrtMemoryInfo.allocatorCPU, OrtAllocatorType.ArenaAllocator, 0, OrtMemType.Default);
            // 0 and -1 are ONNX Runtime's defaults; extension strategy 1 takes what is asked for instead of doubling.
            using var arena = new OrtArenaCfg(0, 1, -1, -1);
            environment.CreateAndRegisterAllocator(memory, arena);
            return environment;
        }
    }

    private (DeviceChoice Choice, OrtEpDevice? Device) Choose(int? index)
    {
        var requested = _options.Device;
        if (requested == "cpu")
        {
            return (new DeviceChoice(requested, "cpu", "asked for"), null);
        }

        var (device, reason) = FindCuda(index ?? 0);
        if (device is not null)
        {
            return (new DeviceChoice(requested, $"cuda:{(index ?? 0).ToString(CultureInfo.InvariantCulture)}", index is null ? "found" : "asked for"), device);
        }

        return index is null
            ? (new DeviceChoice(requested, "cpu", reason), null)
            : throw new ScoringException(ScoringError.Device, $"device '{requested}' was asked for by name, but {reason}; use 'auto' to fall back to the CPU");
    }

    private (OrtEpDevice? Device, string Reason) FindCuda(int index)
    {
        if (_options.CudaProviderFolder is not { } folder)
        {
            return (null, "no CUDA provider folder is configured");
        }

        var library = Path.Combine(folder, CudaLibrary);
        if (!File.Exists(library))
        {
            return (null, "the CUDA provider folder holds no " + CudaLibrary);
        }

        lock (s_environmentGate)
        {
            try
            {
                if (!_environment.GetEpDevices().Any(d => d.EpName == CudaProvider))
                {
                    _environment.RegisterExecutionProviderLibrary(CudaProvider, library);
                }

                var devices = _environment.GetEpDevices().Where(d => d.EpName == CudaProvider).ToList();
                return index < devices.Count ? (devices[index], "found") : (null, "the CUDA provider sees no such device");
            }
            catch (Exception e) when (e is OnnxRuntimeException or DllNotFoundException)
            {
                LogProviderFailed(e, library);
                return (null, "the CUDA provider failed to load");
            }
        }
    }

    private Measurement<int> DeviceInfo() => new(
        1,
        new KeyValuePair<string, object?>("requested", Device.Requested),
        new KeyValuePair<string, object?>("device", Device.Device),
        new KeyValuePair<string, object?>("reason", Device.Reason));

    [LoggerMessage(EventId = 3001, Level = LogLevel.Information, Message = "scoring runs on {Device} (asked for: {Requested}): {Reason}")]
    private partial void LogDevice(string requested, string device, string reason);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Warning, Message = "the CUDA provider {Library} failed to load")]
    private partial void LogProviderFailed(Exception exception, string library);
}
