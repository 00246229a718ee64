using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Monitoring.Alerting.Receivers;
using Monitoring.Hosting.Configuration;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace Monitoring.Alerting.Delivery;

/// <summary>One receiver's own way out: its queue, its resilience, its state. A dead one holds up nobody else.</summary>
internal sealed class ReceiverLane : IDisposable
{
    /// <summary>Rows handed to the bus and not finished: bounds memory; the rest waits in the database.</summary>
    public const int MaxOutstanding = 500;

    private static readonly TimeSpan s_longestQuickWait = TimeSpan.FromSeconds(2);
    private readonly CircuitBreakerStateProvider _circuit = new();
    private readonly Lock _pacing = new();
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _retiring = new();
    private readonly SemaphoreSlim _room;
    private long _nextFree;
    private long _lastProbe;
    private volatile bool _gone;
    private volatile bool _retired;

    public ReceiverLane(ReceiverConfiguration configuration, IReceiver receiver, TimeProvider time)
    {
        _time = time;
        Name = configuration.Name;
        Receiver = receiver;
        Timeout = configuration.Timeout;
        Fingerprint = FingerprintOf(configuration);
        AlertmanagerResend = configuration.Alertmanager?.Resend;
        _room = new SemaphoreSlim(Concurrency, Concurrency);
        Pipeline = new ResiliencePipelineBuilder<DeliveryResult> { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions<DeliveryResult>
            {
                MaxRetryAttempts = 2,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = TimeSpan.FromMilliseconds(200),
                MaxDelay = s_longestQuickWait,
                // A longer wish of the receiver is kept through the database, without holding a sender.
                ShouldHandle = arguments => ValueTask.FromResult(IsFailure(arguments.Outcome) && !(arguments.Outcome.Result?.RetryAfter > s_longestQuickWait)),
                DelayGenerator = arguments => ValueTask.FromResult(arguments.Outcome.Result?.RetryAfter),
            })
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<DeliveryResult>
            {
                FailureRatio = 0.9,
                MinimumThroughput = 10,
                SamplingDuration = TimeSpan.FromSeconds(30),
                BreakDuration = TimeSpan.FromSeconds(10),
                ShouldHandle = arguments => ValueTask.FromResult(IsFailure(arguments.Outcome)),
                StateProvider = _circuit,
            })
            .AddTimeout(configuration.Timeout)
            .Build();
    }

    public string Name { get; }

    public IReceiver Receiver { get; }

    public TimeSpan Timeout { get; }

    public ResiliencePipeline<DeliveryResult> Pipeline { get; }

    /// <summary>Of its configuration and its secrets: with another one it is another lane.</summary>
    public string Fingerprint { get; }

    /// <summary>How often an Alertmanager is sent again what fires; null for the others.</summary>
    public TimeSpan? AlertmanagerResend { get; }

    /// <summary>Cancelled when another lane has taken its place, or nobody wants it any more.</summary>
    public CancellationToken Retiring => _retiring.Token;

    /// <summary>When its receiver went out of the configuration, in the clock's timestamps: what waited for it then is still sent. Null while it is configured.</summary>
    public long? RemovedAt { get; set; }

    public ConcurrentDictionary<string, bool> Outstanding { get; } = new(StringComparer.Ordinal);

    /// <summary>Messages on their way at once. Claims and outcomes of many cost hardly more than those of one.</summary>
    public int Concurrency => Receiver.HonoursIds ? 32 : 1;

    /// <summary>Longest time that one row can be on its way: three calls and the waits between them.</summary>
    public TimeSpan Lease => (3 * Timeout) + TimeSpan.FromSeconds(30);

    /// <summary>Rows waiting in the database, as last counted.</summary>
    public long Depth { get; set; }

    public bool IsGone => _gone;

    /// <summary>0 works, 1 probing, 2 circuit open, 3 wants no more messages.</summary>
    public int State => _gone ? 3 : _circuit.CircuitState switch
    {
        CircuitState.Closed => 0,
        CircuitState.HalfOpen => 1,
        _ => 2,
    };

    /// <summary>Waits for the receiver's rate limit: the generic cell rate algorithm, one virtual slot per call.</summary>
    public async Task PaceAsync(CancellationToken cancellationToken)
    {
        var pace = Receiver.Pace;
        if (pace.Interval == TimeSpan.Zero)
        {
            return;
        }

        TimeSpan wait;
        lock (_pacing)
        {
            var now = _time.GetTimestamp();
            var interval = (long)(pace.Interval.TotalSeconds * _time.TimestampFrequency);
            var slot = Math.Max(_nextFree, now);
            _nextFree = slot + interval;
            wait = TimeSpan.FromSeconds((double)(slot - now - (interval * (pace.Burst - 1))) / _time.TimestampFrequency);
        }

        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The circuit is open: calls fail at once.</summary>
    public bool IsOpen => _circuit.CircuitState is CircuitState.Open or CircuitState.Isolated;

    /// <summary>True once a second.</summary>
    public bool TryProbe()
    {
        var now = _time.GetTimestamp();
        if (_lastProbe != 0 && _time.GetElapsedTime(_lastProbe, now) < TimeSpan.FromSeconds(1))
        {
            return false;
        }

        _lastProbe = now;
        return true;
    }

    public void MarkGone() => _gone = true;

    /// <summary>Begins a delivery; false when the lane is no longer in use. <see cref="Exit"/> ends it.</summary>
    public async Task<bool> TryEnterAsync(CancellationToken cancellationToken)
    {
        await _room.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (!_retired)
        {
            return true;
        }

        _room.Release();
        return false;
    }

    public void Exit() => _room.Release();

    /// <summary>Lets what is on its way finish, then frees the receiver.</summary>
    public async Task RetireAsync()
    {
        await _retiring.CancelAsync().ConfigureAwait(false);
        for (var i = 0; i < Concurrency; i++)
        {
            await _room.WaitAsync().ConfigureAwait(false);
        }

        _retired = true;
        Receiver.Dispose();
        _room.Release(Concurrency);
    }

    public void Dispose()
    {
        Receiver.Dispose();
        _retiring.Dispose();
        _room.Dispose();
    }

    /// <summary>Hash of a receiver's configuration and of its secrets as they are now. Throws <see cref="InvalidOperationException"/> where a secret cannot be read.</summary>
    public static string FingerprintOf(ReceiverConfiguration configuration)
    {
        SecretReference?[] secrets =
        [
            configuration.Webhook?.Secret, configuration.Webhook?.PreviousSecret, configuration.Webhook?.Token,
            configuration.Slack?.Url, configuration.PagerDuty?.RoutingKey, configuration.Teams?.Url,
        ];
        var text = JsonSerializer.Serialize(new { configuration, Secrets = secrets.Select(s => s?.Read()) });
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    private static bool IsFailure(Outcome<DeliveryResult> outcome) =>
        outcome.Result is { Outcome: DeliveryOutcome.Retry }
        || outcome.Exception is IOException or TimeoutRejectedException
        || outcome.Exception is HttpRequestException { InnerException: not AddressRefusedException };
}
