using System.Text.Json;
using Microsoft.Extensions.Logging;
using Monitoring.EventLog;

namespace Monitoring.Inference;

/// <summary>Takes the records of one partition of a source in order; what cannot be understood is put aside with the reason.</summary>
internal sealed partial class SourceProcessor(PartitionAssignment assignment, EventsEndpoint intake, DeadLetters deadLetters, TimeProvider time, ILogger logger) : IPartitionProcessor
{
    private static readonly TimeSpan s_full = TimeSpan.FromSeconds(1);

    public ValueTask<long?> StartAsync(CancellationToken cancellationToken) => ValueTask.FromResult<long?>(null);

    public async ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken)
    {
        foreach (var entry in batch)
        {
            // A tombstone says nothing about a call.
            if (entry.Value is not null)
            {
                await AcceptAsync(entry, cancellationToken).ConfigureAwait(false);
            }
        }

        if (assignment.MayWrite)
        {
            await assignment.CommitAsync(batch[^1].Offset + 1, cancellationToken).ConfigureAwait(false);
        }
    }

    public ValueTask StopAsync(bool lost, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    private async Task AcceptAsync(LogEntry entry, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                var message = SourceMessage.Read(entry);
                if (message.Structured)
                {
                    await intake.AcceptAsync(message.Data).ConfigureAwait(false);
                }
                else
                {
                    await intake.AcceptAsync(message.Attributes, message.Data).ConfigureAwait(false);
                }

                return;
            }
            catch (ProtocolException e) when (e.Status == 503)
            {
                // The spool is full: here the topic keeps what waits, so it waits there.
                LogFull(entry.Topic, entry.Partition, entry.Offset);
                await Task.Delay(s_full, time, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is ProtocolException or JsonException)
            {
                LogRefused(entry.Topic, entry.Partition, entry.Offset, e.Message);
                await deadLetters.WriteAsync(entry, e.Message, cancellationToken).ConfigureAwait(false);
                return;
            }
        }
    }

    [LoggerMessage(EventId = 2142, Level = LogLevel.Warning, Message = "{Topic}/{Partition}@{Offset} waits: the spool has no room")]
    private partial void LogFull(string topic, int partition, long offset);

    [LoggerMessage(EventId = 2143, Level = LogLevel.Warning, Message = "{Topic}/{Partition}@{Offset} is put aside: {Reason}")]
    private partial void LogRefused(string topic, int partition, long offset, string reason);
}
