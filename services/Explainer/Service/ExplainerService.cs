using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;

namespace Monitoring.Explainer;

/// <summary>Explains findings while the product runs: group <c>explainer</c> on <see cref="Topics.Findings"/>.</summary>
internal sealed partial class ExplainerService(IEventLog log, LogTopics topics, ModelExplainers explainers, ExplanationStore store, TimeProvider time, IMeterFactory meters, ILogger<ExplainerService> logger) : BackgroundService
{
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var meter = meters.Create("Monitoring.Explainer");
        var explained = meter.CreateCounter<long>("monitoring_explainer_explanations_total", description: "Explanations published, by method");
        var failed = meter.CreateCounter<long>("monitoring_explainer_failures_total", description: "Findings that could not be explained");
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await topics.Ready.WaitAsync(stoppingToken).ConfigureAwait(false);
                await using var subscription = await log.SubscribeAsync(
                    new GroupSubscription("explainer", Topics.Findings, assignment => new FindingExplainer(log, explainers, store, time, explained, failed, logger, assignment), MaxBatch: 64),
                    stoppingToken).ConfigureAwait(false);
                await subscription.Completion.WaitAsync(stoppingToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (EventLogException e) when (e.IsTransient)
            {
                LogRetry(logger, e.Message);
                await Task.Delay(s_retry, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(EventId = 8002, Level = LogLevel.Warning, Message = "explaining starts again: {Reason}")]
    private static partial void LogRetry(ILogger logger, string reason);
}
