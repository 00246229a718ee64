using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>
/// Joins requests and responses that a logger sends as two events, in any order, into one event of the log. A half whose other
/// half does not come within the window becomes an event of its own and is counted. Memory is bounded: beyond the limit the
/// oldest halves are given up early.
/// </summary>
internal sealed partial class EventJoiner : BackgroundService
{
    private const int MaxRemembered = 200_000;
    private const long MaxWaitingBytes = 256 << 20;
    private static readonly TimeSpan s_sweep = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _gate = new(1);
    private readonly Dictionary<string, LinkedListNode<LoggedHalf>> _waiting = new(StringComparer.Ordinal);
    private readonly LinkedList<LoggedHalf> _byAge = new();
    private readonly Dictionary<string, long> _done = new(StringComparer.Ordinal);
    private readonly Queue<(string Key, long Time)> _doneByAge = new();
    private readonly JoinJournal _journal;
    private readonly ModelRepository _repository;
    private readonly EventCapture _capture;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly long _windowNano;
    private long _waitingBytes;

    public EventJoiner(LoadedConfiguration configuration, ModelRepository repository, EventCapture capture, TimeProvider time, ILogger<EventJoiner> logger)
    {
        var settings = configuration.Value.Capture;
        _journal = new JoinJournal(Path.Combine(configuration.DataDirectory, "join"), settings.JoinWindow, settings.SpoolMaxBytes.Bytes);
        _repository = repository;
        _capture = capture;
        _time = time;
        _logger = logger;
        _windowNano = (long)settings.JoinWindow.TotalNanoseconds;
    }

    /// <summary>Halves that wait.</summary>
    public int Waiting => _waiting.Count;

    private long Now => EventCapture.UnixNano(_time.GetUtcNow());

    /// <summary>Takes a half: joins it with its other half, or keeps it on disk until that comes. False where there is no room for it.</summary>
    public async ValueTask<bool> AddAsync(ServedModel model, LoggedHalf half, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_done.ContainsKey(half.Key) || (_waiting.TryGetValue(half.Key, out var known) && known.Value.IsResponse == half.IsResponse))
            {
                model.Statistics.AddDuplicate();
                return true;
            }

            if (_waiting.TryGetValue(half.Key, out var other))
            {
                Forget(other);
                return await EmitAsync(model, half.IsResponse ? other.Value : half, half.IsResponse ? half : other.Value).ConfigureAwait(false);
            }

            if (!_journal.TryAdd(half, Now))
            {
                model.NextSequence();
                model.Statistics.AddDropped();
                return false;
            }

            Remember(half);
            while (_waitingBytes > MaxWaitingBytes)
            {
                await ExpireAsync(_byAge.First!).ConfigureAwait(false);
            }

            return true;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Whether an event of its own (not a half) with that identity has been seen; remembers it.</summary>
    public async ValueTask<bool> IsRepeatAsync(string identity, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return !MarkDone(identity);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>The id of the event that the halves with that key make: the same after a restart.</summary>
    public static string EventId(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, 16));

    /// <summary>Gives up halves older than the window.</summary>
    internal async ValueTask SweepAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var limit = Now - _windowNano;
            while (_byAge.First is { } oldest && oldest.Value.ReceivedUnixNano <= limit)
            {
                await ExpireAsync(oldest).ConfigureAwait(false);
            }

            while (_doneByAge.TryPeek(out var done) && (done.Time <= limit || _doneByAge.Count > MaxRemembered))
            {
                _done.Remove(_doneByAge.Dequeue().Key);
            }

            _journal.Sweep(Now);
        }
        finally
        {
            _gate.Release();
        }
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var (half, done) in _journal.Recover(Now))
        {
            if (half is not null && !_done.ContainsKey(half.Key) && !_waiting.ContainsKey(half.Key))
            {
                Remember(half);
            }
            else if (done is not null)
            {
                if (_waiting.TryGetValue(done, out var node))
                {
                    Forget(node);
                }

                MarkDone(done);
            }
        }

        if (_waiting.Count > 0)
        {
            LogRecovered(_waiting.Count);
        }

        await base.StartAsync(cancellationToken).ConfigureAwait(false);
    }

    public override void Dispose()
    {
        base.Dispose();
        _journal.Dispose();
        _gate.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_sweep, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                await SweepAsync(stoppingToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The journal keeps what waits.
        }
    }

    private void Remember(LoggedHalf half)
    {
        _waiting[half.Key] = _byAge.AddLast(half);
        _waitingBytes += half.Payload.Length;
    }

    private void Forget(LinkedListNode<LoggedHalf> node)
    {
        _waiting.Remove(node.Value.Key);
        _byAge.Remove(node);
        _waitingBytes -= node.Value.Payload.Length;
    }

    private bool MarkDone(string key)
    {
        var now = Now;
        if (!_done.TryAdd(key, now))
        {
            return false;
        }

        _doneByAge.Enqueue((key, now));
        return true;
    }

    private async ValueTask ExpireAsync(LinkedListNode<LoggedHalf> node)
    {
        Forget(node);
        var half = node.Value;
        var model = _repository.Find(half.Model);
        if (model is null)
        {
            // The model was taken out of the configuration while its half waited.
            _journal.TryDone(half.Key, Now);
            return;
        }

        model.Statistics.AddUnmatched(half.IsResponse);
        await EmitAsync(model, half.IsResponse ? null : half, half.IsResponse ? half : null).ConfigureAwait(false);
    }

    private async ValueTask<bool> EmitAsync(ServedModel model, LoggedHalf? request, LoggedHalf? response)
    {
        var first = request ?? response!;
        var client = request?.Client is { Id.Length: > 0 } named ? named : response?.Client ?? first.Client;
        var status = response?.Status ?? 0;
        var call = new CapturedCall
        {
            Id = EventId(first.Key),
            TimeUnixNano = first.TimeUnixNano,
            ModelVersion = response?.Message.ModelVersion ?? model.Configuration.Version,
            Client = client,
            RequestId = request?.Message.Id ?? first.RequestId,
            TraceParent = first.TraceParent.Length > 0 ? first.TraceParent : response?.TraceParent ?? "",
            Inputs = request is null ? [] : request.Message.Tensors,
            Outputs = response is null ? [] : response.Message.Tensors,
            // Loggers send 200 answers only, unless they say the status.
            Status = response is null ? 0 : status == 0 ? 200 : status,
            LatencyNano = request is not null && response is not null ? Math.Max(0, response.TimeUnixNano - request.TimeUnixNano) : 0,
            Attributes = request?.Message.Parameters ?? [],
        };
        var captured = await _capture.CaptureAsync(model, call, CancellationToken.None).ConfigureAwait(false);
        MarkDone(first.Key);
        _journal.TryDone(first.Key, Now);
        return captured;
    }

    [LoggerMessage(EventId = 2130, Level = LogLevel.Information, Message = "{Count} logged halves of calls wait since before the restart")]
    private partial void LogRecovered(int count);
}
