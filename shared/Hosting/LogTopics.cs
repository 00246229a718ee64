using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>
/// Creates the product's topics, trying again while the log is away: serving and capture go on meanwhile. Whoever reads or
/// appends awaits <see cref="Ready"/> first.
/// </summary>
public sealed partial class LogTopics(IEventLog log, LoadedConfiguration configuration, TimeProvider time, ILogger<LogTopics> logger) : BackgroundService
{
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2);
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when every topic exists; faults when one exists with other settings.</summary>
    public Task Ready => _ready.Task;

    /// <summary>The product's topics but the state topics, which belong to their groups.</summary>
    public static IReadOnlyList<TopicDefinition> Definitions(LogConfiguration log) =>
    [
        new(Topics.InferenceEvents, log.Partitions, log.RetentionAge, log.RetentionSize.Bytes),
        new(Topics.Feedback, log.Partitions, log.RetentionAge, log.RetentionSize.Bytes),
        new(Topics.Findings, log.Partitions, log.RetentionAge, log.RetentionSize.Bytes),
        new(Topics.Explanations, log.Partitions, log.RetentionAge, log.RetentionSize.Bytes),
        new(Topics.Changes, 1),
        new(Topics.Controls, 1, Compacted: true),
        new(Topics.Notifications, 1, log.RetentionAge, log.RetentionSize.Bytes),
    ];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            foreach (var definition in Definitions(configuration.Value.Log))
            {
                await EnsureAsync(definition, stoppingToken).ConfigureAwait(false);
            }

            _ready.TrySetResult();
        }
        catch (OperationCanceledException)
        {
            _ready.TrySetCanceled(stoppingToken);
        }
        catch (Exception e)
        {
            _ready.TrySetException(e);
            throw;
        }
    }

    private async Task EnsureAsync(TopicDefinition definition, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await log.EnsureTopicAsync(definition, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (EventLogException e) when (e.IsTransient)
            {
                LogAway(logger, definition.Name, e.Message);
                await Task.Delay(s_retry, time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    [LoggerMessage(EventId = 1001, Level = LogLevel.Warning, Message = "The event log is away ({Reason}); topic {Topic} will be created when it is back")]
    private static partial void LogAway(ILogger logger, string topic, string reason);
}
