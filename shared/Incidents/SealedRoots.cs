using Google.Protobuf;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;

namespace Monitoring.Incidents;

/// <summary>
/// The newest signed Merkle root of each sealed partition. A root that has left the house in a message pins the history before it: nobody, the holder of the
/// signing key included, can later show another one that contains it.
/// </summary>
public sealed partial class SealedRoots(IEventLog log, LogTopics topics, TimeProvider time, ILogger<SealedRoots> logger) : BackgroundService
{
    /// <summary>Checkpoints read at the start; all newer ones follow.</summary>
    private const long ReadBack = 4096;

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(10);
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Topic, int Partition), SealedRoot> _newest = [];
    private long? _next;

    /// <summary>Keeps up with the log; while that is away the roots stay as they were.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var prepared = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (!prepared)
                {
                    await topics.Ready.WaitAsync(stoppingToken).ConfigureAwait(false);
                    await log.EnsureTopicAsync(new TopicDefinition(Topics.Evidence, 1), stoppingToken).ConfigureAwait(false);
                    prepared = true;
                }

                await RefreshAsync(stoppingToken).ConfigureAwait(false);
                await Task.Delay(s_interval, time, stoppingToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is EventLogException or IOException)
            {
                LogAway(e.Message);
                await Task.Delay(s_retry, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Reads the checkpoints that came since the last call.</summary>
    private async Task RefreshAsync(CancellationToken cancellationToken)
    {
        var offsets = await log.GetOffsetsAsync(Topics.Evidence, 0, cancellationToken).ConfigureAwait(false);
        var from = _next ?? Math.Max(offsets.Start, offsets.End - ReadBack);
        await foreach (var entry in log.ReadAsync(Topics.Evidence, 0, from, offsets.End, cancellationToken).ConfigureAwait(false))
        {
            if (Parse(entry) is { } checkpoint)
            {
                lock (_gate)
                {
                    _newest[(checkpoint.Topic, checkpoint.Partition)] = new SealedRoot(checkpoint.Topic, checkpoint.Partition, checkpoint.Index + 1, checkpoint.LastTimeUnixNano, Convert.ToHexStringLower(checkpoint.ChainRoot.Span));
                }
            }
        }

        _next = offsets.End;
    }

    /// <summary>The newest root of a partition; where it has none, or none is named, the newest of the calls' topic; null while nothing is sealed.</summary>
    public SealedRoot? Newest(string topic = Topics.InferenceEvents, int partition = -1)
    {
        lock (_gate)
        {
            return _newest.TryGetValue((topic, partition), out var found) ? found
                : _newest.Values.Where(r => r.Topic == Topics.InferenceEvents).MaxBy(r => r.SealedToUnixNano);
        }
    }

    private static Checkpoint? Parse(LogEntry entry)
    {
        try
        {
            return entry.Value is { } value ? Checkpoint.Parser.ParseFrom(value.Span) : null;
        }
        catch (InvalidProtocolBufferException)
        {
            // The audit names it; a message is not the place.
            return null;
        }
    }

    [LoggerMessage(EventId = 7010, Level = LogLevel.Warning, Message = "the newest sealed roots cannot be read now: {Reason}")]
    private partial void LogAway(string reason);
}
