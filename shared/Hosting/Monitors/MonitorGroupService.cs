using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Hosting;

/// <summary>
/// Runs one family of monitors as one consumer group: fits the profiles that the configuration names reference data for, joins the log, and
/// joins again after an error that may pass. An error that stays (another partition count, a broken reference file) ends the process. A group that watches no model
/// does not join: it would read every event for nothing.
/// </summary>
public sealed partial class MonitorGroupService(
    string group,
    LoadedConfiguration configuration,
    LogTopics topics,
    IEventLog log,
    MonitorKinds kinds,
    ModelCatalog catalog,
    MonitorPlanner planner,
    ProfileStores stores,
    ReferenceFitter fitter,
    ScoringRuntime scoring,
    DetectionMetrics metrics,
    TimeProvider time,
    ILoggerFactory loggers) : BackgroundService, IReadinessCheck
{
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_lagLimit = TimeSpan.FromMinutes(1);
    private readonly ILogger _logger = loggers.CreateLogger<MonitorGroupService>();
    private volatile MonitorGroup? _running;
    private volatile string _waitingFor = "topics are being created";

    public string Group => group;

    /// <summary>Whether the configuration gives this group anything to watch; where not, it never joins.</summary>
    public bool WatchesModels { get; } = planner.Watches(group);

    string IReadinessCheck.Name => $"monitors-{group}";

    /// <summary>All monitors of this process's partitions; empty until the group runs.</summary>
    public IReadOnlyList<MonitorStatus> Status() => _running?.Status() ?? [];

    /// <summary>Sum of the next offsets of this process's partitions: the events processed, where nothing was retired or compacted.</summary>
    public long EventsConsumed => _running?.Progress().Values.Sum(p => p.NextOffset) ?? 0;

    ValueTask<string?> IReadinessCheck.CheckAsync(CancellationToken cancellationToken)
    {
        if (!WatchesModels)
        {
            return ValueTask.FromResult<string?>(null);
        }

        if (_running is not { } running)
        {
            return ValueTask.FromResult<string?>(_waitingFor);
        }

        var behind = running.Progress().Values.Select(p => p.Behind).DefaultIfEmpty().Max();
        return ValueTask.FromResult(behind > s_lagLimit ? $"is {behind.TotalSeconds:F0} s behind" : null);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!WatchesModels)
        {
            LogNothing(_logger, group);
            return;
        }

        await Task.Yield();
        await topics.Ready.WaitAsync(stoppingToken).ConfigureAwait(false);
        _waitingFor = "profiles are being fitted";
        var plan = await PlanAsync(stoppingToken).ConfigureAwait(false);
        while (!stoppingToken.IsCancellationRequested)
        {
            var running = new MonitorGroup(
                log,
                kinds,
                stores[group],
                plan,
                new MonitorGroupOptions { CheckpointInterval = configuration.Value.Log.CheckpointInterval },
                BuildIdentity.Current(scoring.Device.ToString()),
                metrics,
                time,
                loggers.CreateLogger<MonitorGroup>());
            await using (running.ConfigureAwait(false))
            {
                try
                {
                    _waitingFor = "state is being restored";
                    await running.StartAsync(stoppingToken).ConfigureAwait(false);
                    _running = running;
                    await running.Completion.WaitAsync(stoppingToken).ConfigureAwait(false);
                    return;
                }
                catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
                {
                    return;
                }
                catch (EventLogException e) when (e.IsTransient)
                {
                    _running = null;
                    LogAgain(_logger, group, e.Message);
                }
            }

            await Task.Delay(s_retry, time, stoppingToken).ConfigureAwait(false);
        }
    }

    private async Task<MonitorGroupConfiguration> PlanAsync(CancellationToken cancellationToken)
    {
        var described = new Dictionary<string, ModelDescription?>(StringComparer.Ordinal);
        var approved = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var model in configuration.Value.Models.Where(m => planner.MonitorsOf(m).Any(x => MonitorPlanner.GroupOf(x.Kind.Family) == group)))
        {
            described[model.Name] = catalog.Describe(model);
            approved[model.Name] = await fitter.EnsureAsync(group, model, described[model.Name], cancellationToken).ConfigureAwait(false);
        }

        return planner.Configure(group, m => described[m.Name], m => approved[m.Name]);
    }

    [LoggerMessage(EventId = 1201, Level = LogLevel.Warning, Message = "Group {Group} stopped ({Reason}) and joins again")]
    private static partial void LogAgain(ILogger logger, string group, string reason);

    [LoggerMessage(EventId = 1202, Level = LogLevel.Information, Message = "Group {Group} watches no configured model and does not join the log")]
    private static partial void LogNothing(ILogger logger, string group);
}
