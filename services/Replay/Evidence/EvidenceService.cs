using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Replay.Evidence;

/// <summary>Seals the log while the product runs: one group over all topics of <see cref="EvidenceOptions.Topics"/>.</summary>
internal sealed partial class EvidenceService(IEventLog log, LogTopics topics, OpenSegments open, LoadedConfiguration configuration, TimeProvider time, IMeterFactory meters, ILogger<EvidenceService> logger) : BackgroundService
{
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(5);

    /// <summary>Where the signing key lies: <c>keys/evidence.pem</c> in the data folder, with the public key beside it.</summary>
    public static string KeyFile(LoadedConfiguration configuration) => Path.Combine(configuration.DataDirectory, "keys", "evidence.pem");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var options = new EvidenceOptions { KeyFile = KeyFile(configuration), SegmentRecords = configuration.Value.Evidence.SegmentRecords, SegmentAge = configuration.Value.Evidence.SegmentAge };
        using var key = SigningKey.OpenOrCreate(options.KeyFile);
        LogKey(logger, key.Id, options.KeyFile);
        var records = meters.Create("Monitoring.Replay").CreateCounter<long>("monitoring_replay_sealed_records_total", description: "Records covered by signed checkpoints");
        try
        {
            await topics.Ready.WaitAsync(stoppingToken).ConfigureAwait(false);
            await Task.WhenAll(options.Topics.Select(t => SealAsync(t, options, key, records, stoppingToken)).Append(SealQuietAsync(options, stoppingToken))).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    /// <summary>Keeps one topic sealed; comes back after the log was away or another owner took over.</summary>
    private async Task SealAsync(string topic, EvidenceOptions options, SigningKey key, Counter<long> records, CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await log.EnsureTopicAsync(new TopicDefinition(Topics.Evidence, 1), stoppingToken).ConfigureAwait(false);
                await using var subscription = await log.SubscribeAsync(
                    new GroupSubscription("evidence", topic, assignment => new CheckpointProcessor(log, key, options, assignment) { Open = open, Time = time, Sealed = n => records.Add(n, new KeyValuePair<string, object?>("topic", topic)) }),
                    stoppingToken).ConfigureAwait(false);
                await subscription.Completion.WaitAsync(stoppingToken).ConfigureAwait(false);
            }
            catch (EventLogException e) when (e.IsTransient)
            {
                LogRetry(logger, topic, e.Message);
                await Task.Delay(s_retry, time, stoppingToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Seals what no further record would seal, so that a root covers a quiet partition to its end within a segment's age.</summary>
    private async Task SealQuietAsync(EvidenceOptions options, CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_look, time);
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
        {
            await open.SealAsync(options.SegmentAge, stoppingToken).ConfigureAwait(false);
        }
    }

    [LoggerMessage(EventId = 9001, Level = LogLevel.Information, Message = "the log is sealed with key {KeyId} ({File})")]
    private static partial void LogKey(ILogger logger, string keyId, string file);

    [LoggerMessage(EventId = 9002, Level = LogLevel.Warning, Message = "sealing of {Topic} starts again: {Reason}")]
    private static partial void LogRetry(ILogger logger, string topic, string reason);
}
