using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;

namespace Monitoring.Inference;

/// <summary>
/// Reads the spool in order, appends to the log in batches, and deletes what the log acknowledged: one path, whether the log is
/// up or away. After a crash it goes on at the last acknowledged position; an event appended but not yet acknowledged
/// comes again with the same id.
/// </summary>
internal sealed partial class EventPublisher(Spool spool, IEventLog log, LogTopics topics, TimeProvider time, ILogger<EventPublisher> logger) : BackgroundService
{
    private const int FullBatch = 512 << 10;

    /// <summary>
    /// A turn wakes the publisher, the log's writer and every group at the tail, whatever it carries: at 1,000 calls a second and 5 ms that was more than one switch of threads a call.
    /// </summary>
    private static readonly TimeSpan s_linger = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_firstRetry = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_lastRetry = TimeSpan.FromSeconds(5);
    private long _appended;
    private long _failures;

    /// <summary>Events that the log acknowledged.</summary>
    public long Appended => Volatile.Read(ref _appended);

    /// <summary>Attempts that the log refused.</summary>
    public long Failures => Volatile.Read(ref _failures);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await RunAsync(stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What is left is published at the next start.
        }
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        await topics.Ready.WaitAsync(cancellationToken).ConfigureAwait(false);
        var payloads = new List<ReadOnlyMemory<byte>>();
        var records = new List<LogRecord>();
        while (true)
        {
            await spool.WaitAsync(cancellationToken).ConfigureAwait(false);

            // A moment for others to arrive: an append of many costs little more than one.
            await Task.Delay(s_linger, time, cancellationToken).ConfigureAwait(false);
            long read;
            do
            {
                read = 0;
                spool.Read(payloads);
                records.Clear();
                foreach (var payload in payloads)
                {
                    read += payload.Length;
                    records.Add(SpooledEvent.ToRecord(payload));
                }

                if (records.Count > 0)
                {
                    await AppendAsync(records, cancellationToken).ConfigureAwait(false);
                    Acknowledge(records.Count);
                }
            }
            while (read >= FullBatch);
        }
    }

    private async Task AppendAsync(List<LogRecord> records, CancellationToken cancellationToken)
    {
        for (var wait = s_firstRetry; ; wait = wait * 2 < s_lastRetry ? wait * 2 : s_lastRetry)
        {
            try
            {
                await log.AppendAsync(Topics.InferenceEvents, records, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (e is EventLogException or IOException or TimeoutException)
            {
                // Never skipped: what the log refuses today waits in the spool, and the metrics show it.
                Interlocked.Increment(ref _failures);
                LogRefused(e.Message, wait);
                await Task.Delay(wait, time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private void Acknowledge(int count)
    {
        Interlocked.Add(ref _appended, count);
        try
        {
            spool.Acknowledge();
        }
        catch (IOException e)
        {
            // The position is on a full or failing disk: after a crash these events would come again, with the same ids.
            LogPositionFailed(e);
        }
    }

    [LoggerMessage(EventId = 2120, Level = LogLevel.Warning, Message = "the event log refused events ({Reason}); they wait in the spool, next attempt in {Wait}")]
    private partial void LogRefused(string reason, TimeSpan wait);

    [LoggerMessage(EventId = 2121, Level = LogLevel.Error, Message = "the position of the spool cannot be written")]
    private partial void LogPositionFailed(Exception exception);
}
