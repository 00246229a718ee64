using System.Globalization;
using System.Text;
using Google.Protobuf;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Quality;

/// <summary>
/// Copies the feedback of models that have a monitor of labels from <c>inference.feedback</c> into the partition of their calls, so that calls and labels have one order and a monitor that
/// joins them replays bit for bit (docs/adr on labels). At least once: a label that comes twice is counted as repeated.
/// </summary>
public sealed partial class FeedbackRelay(
    CurrentPlanning planning,
    LogTopics topics,
    IEventLog log,
    TimeProvider time,
    ILogger<FeedbackRelay> logger) : BackgroundService
{
    /// <summary>Consumer group.</summary>
    public const string Group = "feedback-relay";

    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2);

    /// <summary>The label of a feedback as a record among the calls.</summary>
    /// <param name="feedback">The feedback.</param>
    /// <param name="key">Key of the model's calls.</param>
    public static LogRecord Record(Feedback feedback, string key)
    {
        var label = new TrueLabel { FeedbackId = feedback.Id, Model = feedback.Model, EventId = feedback.EventId, RequestId = feedback.RequestId, Row = feedback.Row };
        if (feedback.TruthCase == Feedback.TruthOneofCase.Value)
        {
            label.Value = feedback.Value;
        }
        else
        {
            label.Label = feedback.Label;
        }

        return new LogRecord(
            Encoding.UTF8.GetBytes(key),
            new InferenceEvent { Id = feedback.Id, Model = feedback.Model, Label = label }.ToByteArray(),
            [
                Header(Headers.SpecVersion, "1.0"),
                Header(Headers.Id, feedback.Id),
                Header(Headers.Source, "monitoring/" + Group),
                Header(Headers.Type, EventTypes.Label),
                Header(Headers.Time, DateTimeOffset.FromUnixTimeMilliseconds(feedback.TimeUnixNano / 1_000_000).ToString("O", CultureInfo.InvariantCulture)),
                Header(Headers.Subject, feedback.Model),
                Header(Headers.ContentType, "application/protobuf"),
            ]);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();

        await topics.Ready.WaitAsync(stoppingToken).ConfigureAwait(false);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                // Nobody takes labels: a reload may change that.
                if (planning.Value.LabelledModels.Count == 0)
                {
                    await Task.Delay(s_retry, time, stoppingToken).ConfigureAwait(false);
                    continue;
                }

                var subscription = await log.SubscribeAsync(new GroupSubscription(Group, Topics.Feedback, assignment => new Processor(log, assignment, planning)), stoppingToken).ConfigureAwait(false);
                await using (subscription.ConfigureAwait(false))
                {
                    await subscription.Completion.WaitAsync(stoppingToken).ConfigureAwait(false);
                    return;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (EventLogException e) when (e.IsTransient)
            {
                LogAgain(logger, e.Message);
            }

            await Task.Delay(s_retry, time, stoppingToken).ConfigureAwait(false);
        }
    }

    private static LogHeader Header(string name, string value) => new(name, Encoding.UTF8.GetBytes(value));

    [LoggerMessage(EventId = 4301, Level = LogLevel.Warning, Message = "labels are not relayed ({Reason}); trying again")]
    private static partial void LogAgain(ILogger logger, string reason);

    private sealed class Processor(IEventLog log, PartitionAssignment assignment, CurrentPlanning planning) : IPartitionProcessor
    {
        public ValueTask<long?> StartAsync(CancellationToken cancellationToken) => ValueTask.FromResult<long?>(null);

        public async ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken)
        {
            // A label does not know which shard answered its call: each gets it, and all but one do not know the call.
            var shards = planning.Value.LabelledModels;
            var records = new List<LogRecord>(batch.Count);
            foreach (var entry in batch)
            {
                if (Read(entry) is { } feedback && shards.TryGetValue(feedback.Model, out var count))
                {
                    for (var shard = 0; shard < count; shard++)
                    {
                        records.Add(Record(feedback, count == 1 ? feedback.Model : string.Create(CultureInfo.InvariantCulture, $"{feedback.Model}#{shard}")));
                    }
                }
            }

            if (records.Count > 0)
            {
                await log.AppendAsync(Topics.InferenceEvents, records, cancellationToken).ConfigureAwait(false);
            }

            await assignment.CommitAsync(batch[^1].Offset + 1, cancellationToken).ConfigureAwait(false);
        }

        public ValueTask StopAsync(bool lost, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        private static Feedback? Read(LogEntry entry)
        {
            try
            {
                return entry.Value is { } value ? Feedback.Parser.ParseFrom(value.Span) : null;
            }
            catch (InvalidProtocolBufferException)
            {
                // Not a label: whoever wrote it was told nothing could be made of it by its absence from the counts.
                return null;
            }
        }
    }
}
