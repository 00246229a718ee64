using System.Text;
using Google.Protobuf;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Hosting;

/// <summary>
/// Follows <c>monitoring.controls</c>: reads the compacted topic from its start, then looks for news four times a second, so that a
/// decision is in force everywhere within a second and survives every restart. Every process must see every decision, so there is
/// no group. What is unsigned, changed or cannot be read is ignored and counted. While the log is away what was read stays in force.
/// </summary>
public sealed partial class ControlLedger(IEventLog log, LogTopics topics, ControlSigner signer, TimeProvider time, ILogger<ControlLedger> logger) : BackgroundService
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(250);
    /// <summary>Times that a decision's own author waits for the next look.</summary>
    private const int OwnLooks = 8;

    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(3);
    private readonly TaskCompletionSource _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ControlSet _current = ControlSet.Empty;
    private TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _looked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _next;
    private long _undecodable;
    private long _unsigned;
    private long _expired;

    /// <summary>Decisions as of now.</summary>
    public ControlSet Current => Volatile.Read(ref _current);

    /// <summary>Completes when the topic has been read to its end for the first time.</summary>
    public Task Read => _read.Task;

    /// <summary>Records that could not be decoded, records that no key of ours signed, and decisions that were over when they were read.</summary>
    public (long Undecodable, long Unsigned, long Expired) Ignored => (Volatile.Read(ref _undecodable), Volatile.Read(ref _unsigned), Volatile.Read(ref _expired));

    /// <summary>Gives the first reading a moment, so that a restart frees nobody; a log that is away holds nothing up.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await base.StartAsync(cancellationToken).ConfigureAwait(false);
        await Task.WhenAny(Read, Task.Delay(s_startLimit, TimeProvider.System, cancellationToken)).ConfigureAwait(false);
    }

    /// <summary>Signs a decision and appends it; returns when it is durable and, unless the log went away in this moment, in <see cref="Current"/>: who decides sees the decision.</summary>
    /// <exception cref="EventLogException">The log is away.</exception>
    public async Task AppendAsync(Control control, CancellationToken cancellationToken)
    {
        await topics.Ready.WaitAsync(cancellationToken).ConfigureAwait(false);
        signer.Sign(control);
        var position = await log.AppendAsync(
            Topics.Controls,
            new LogRecord(
                Encoding.UTF8.GetBytes(control.Id),
                control.ToByteArray(),
                [
                    Header(Headers.SpecVersion, "1.0"),
                    Header(Headers.Id, control.Id),
                    Header(Headers.Source, "monitoring/controls"),
                    Header(Headers.Type, EventTypes.Control),
                    Header(Headers.Subject, control.Model.Length > 0 ? control.Model : "*"),
                    Header(Headers.ContentType, "application/protobuf"),
                ]),
            cancellationToken).ConfigureAwait(false);
        for (var look = 0; look < OwnLooks && ExecuteTask is not null && Volatile.Read(ref _next) <= position.Offset; look++)
        {
            var looked = Volatile.Read(ref _looked).Task;
            Volatile.Read(ref _asked).TrySetResult();
            await Task.WhenAny(looked, Task.Delay(s_interval, TimeProvider.System, cancellationToken)).ConfigureAwait(false);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        try
        {
            await topics.Ready.WaitAsync(stoppingToken).ConfigureAwait(false);
            await FollowAsync(stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The end.
        }
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        var byId = new Dictionary<string, Control>(StringComparer.Ordinal);
        long next = 0;
        var isAway = false;
        while (true)
        {
            var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref _asked, asked);
            try
            {
                var range = await log.GetOffsetsAsync(Topics.Controls, 0, cancellationToken).ConfigureAwait(false);
                if (range.End < next)
                {
                    // Another log than before, or one that was cut: what it holds is what counts.
                    byId.Clear();
                    next = 0;
                    LogReplaced();
                }

                if (range.End > next)
                {
                    await foreach (var entry in log.ReadAsync(Topics.Controls, 0, Math.Max(next, range.Start), range.End, cancellationToken).ConfigureAwait(false))
                    {
                        Apply(byId, entry);
                    }

                    next = range.End;
                    Volatile.Write(ref _current, new ControlSet(new Dictionary<string, Control>(byId, StringComparer.Ordinal)));
                }

                Volatile.Write(ref _next, next);
                _read.TrySetResult();
                isAway = false;
            }
            catch (Exception e) when (e is EventLogException or IOException or TimeoutException)
            {
                if (!isAway)
                {
                    LogAway(e.Message);
                    isAway = true;
                }
            }

            Interlocked.Exchange(ref _looked, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
            await Task.WhenAny(asked.Task, Task.Delay(s_interval, time, cancellationToken)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private void Apply(Dictionary<string, Control> byId, LogEntry entry)
    {
        if (entry.Value is not { } value)
        {
            byId.Remove(Encoding.UTF8.GetString(entry.Key.Span));
            return;
        }

        Control control;
        try
        {
            control = Control.Parser.ParseFrom(value.Span);
        }
        catch (InvalidProtocolBufferException)
        {
            Interlocked.Increment(ref _undecodable);
            LogIgnored(entry.Offset, "it cannot be decoded");
            return;
        }

        if (!signer.IsAuthentic(control) || !entry.Key.Span.SequenceEqual(Encoding.UTF8.GetBytes(control.Id)))
        {
            Interlocked.Increment(ref _unsigned);
            LogIgnored(entry.Offset, "it is not signed by a key of this installation");
            return;
        }

        if (!control.Revoked && control.ExpiresUnixNano <= (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100)
        {
            Interlocked.Increment(ref _expired);
        }

        // An old record written again (a captured one, replayed) must not undo a newer one under the same id.
        if (!byId.TryGetValue(control.Id, out var known) || control.TimeUnixNano >= known.TimeUnixNano)
        {
            byId[control.Id] = control;
        }
    }

    private static LogHeader Header(string name, string value) => new(name, Encoding.UTF8.GetBytes(value));

    [LoggerMessage(EventId = 1101, Level = LogLevel.Warning, Message = "the record at offset {Offset} of monitoring.controls is ignored: {Reason}")]
    private partial void LogIgnored(long offset, string reason);

    [LoggerMessage(EventId = 1102, Level = LogLevel.Warning, Message = "monitoring.controls cannot be read ({Reason}); the decisions read so far stay in force")]
    private partial void LogAway(string reason);

    [LoggerMessage(EventId = 1103, Level = LogLevel.Warning, Message = "monitoring.controls ends before what was read of it: it is read anew from its start")]
    private partial void LogReplaced();
}
