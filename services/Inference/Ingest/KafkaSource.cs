using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Inference;

/// <summary>
/// Reads the topics of <c>sources</c>, each as a consumer group of its own. An offset is committed when every event before it is on disk here (or put aside with
/// the reason), so nothing is lost and a repetition is met by the joiner.
/// </summary>
internal sealed partial class KafkaSource(LoadedConfiguration configuration, EventsEndpoint intake, IEventLog log, LogTopics topics, TimeProvider time, ILoggerFactory loggers, ILogger<KafkaSource> logger) : BackgroundService
{
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(configuration.Value.Sources.Select(s => ReadAsync(s, stoppingToken)));

    private async Task ReadAsync(SourceConfiguration source, CancellationToken stoppingToken)
    {
        try
        {
            // Dead letters go to the product's own log.
            await topics.Ready.WaitAsync(stoppingToken).ConfigureAwait(false);
            await using var cluster = EventLogFactory.CreateSource((source.Kafka ?? configuration.Value.Log.Kafka)!, time, loggers);
            await Task.WhenAll(source.Topics.Select(t => ReadAsync(cluster, source.Name, t, stoppingToken))).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    /// <summary>Keeps reading a topic; comes back after the cluster was away, the topic was missing or the group went to another owner.</summary>
    private async Task ReadAsync(IEventLog cluster, string name, string topic, CancellationToken stoppingToken)
    {
        var group = $"monitoring-source-{name}";
        using var deadLetters = new DeadLetters(log, topic, group);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var subscription = await cluster.SubscribeAsync(
                    new GroupSubscription(group, topic, assignment => new SourceProcessor(assignment, intake, deadLetters, time, logger), MaxBatch: 256),
                    stoppingToken).ConfigureAwait(false);
                LogReading(name, topic);
                await subscription.Completion.WaitAsync(stoppingToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // Also what is not transient: a topic that does not exist may be created yet, and one source must not take serving along.
                LogRetry(name, topic, e.Message);
                await Task.Delay(s_retry, time, stoppingToken).ConfigureAwait(false);
            }
        }
    }

    [LoggerMessage(EventId = 2140, Level = LogLevel.Information, Message = "source {Source}: reading {Topic}")]
    private partial void LogReading(string source, string topic);

    [LoggerMessage(EventId = 2141, Level = LogLevel.Warning, Message = "source {Source}: {Topic} cannot be read now: {Reason}")]
    private partial void LogRetry(string source, string topic, string reason);
}
