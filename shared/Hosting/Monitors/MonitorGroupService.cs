using System.Text.Json;
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
/// does not join: it would read every event for nothing. A reload and an approved profile take effect while it runs, at a checkpoint.
/// </summary>
public sealed partial class MonitorGroupService(
    string group,
    LoadedConfiguration configuration,
    CurrentPlanning planning,
    LogTopics topics,
    IEventLog log,
    MonitorKinds kinds,
    ProfileStores stores,
    ScoringRuntime scoring,
    DetectionMetrics metrics,
    TimeProvider time,
    ILoggerFactory loggers) : BackgroundService, IReadinessCheck
{
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_lagLimit = TimeSpan.FromMinutes(1);
    private readonly ILogger _logger = loggers.CreateLogger<MonitorGroupService>();
    private volatile MonitorGroup? _running;
    private volatile MonitorGroupConfiguration? _plan;
    private long _stamp;
    private volatile string _waitingFor = "topics are being created";

    public string Group => group;

    /// <summary>Whether the configuration gives this group anything to watch; until it does, the group does not join.</summary>
    public bool WatchesModels => planning.Value.Watches(group);

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

    /// <summary>Makes another plan the wanted one; in use from the next checkpoint on.</summary>
    internal void Switch(MonitorGroupConfiguration plan)
    {
        _plan = plan;
        _running?.Switch(plan);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!WatchesModels)
        {
            LogNothing(_logger, group);
        }

        await Task.Yield();
        await topics.Ready.WaitAsync(stoppingToken).ConfigureAwait(false);
        try
        {
            while (!WatchesModels)
            {
                await Task.Delay(s_look, time, stoppingToken).ConfigureAwait(false);
            }

            _waitingFor = "profiles are being fitted";
            _stamp = planning.Value.DecisionsStamp(group);
            var plan = await planning.Value.PlanAsync(group, stoppingToken).ConfigureAwait(false);
            Interlocked.CompareExchange(ref _plan, plan, null);
            while (true)
            {
                try
                {
                    await RunAsync(stoppingToken).ConfigureAwait(false);
                    return;
                }
                catch (Exception e) when (MayPass(e))
                {
                    LogAgain(_logger, group, e.Message);
                }

                await Task.Delay(s_retry, time, stoppingToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The end.
        }
    }

    /// <summary>A log that is away, a disk that is full while a profile is kept. A file that is missing stays missing.</summary>
    private static bool MayPass(Exception error) => error is EventLogException { IsTransient: true } or (IOException and not FileNotFoundException and not DirectoryNotFoundException);

    private async Task RunAsync(CancellationToken stoppingToken)
    {
        var running = new MonitorGroup(
            log,
            kinds,
            stores[group],
            _plan!,
            new MonitorGroupOptions { CheckpointInterval = configuration.Value.Log.CheckpointInterval, Answers = (model, inputs, rows) => planning.Value.Answer(model, inputs, rows) },
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

                // A reload may have come between the plan and now.
                running.Switch(_plan!);
                while (await Task.WhenAny(running.Completion, Task.Delay(s_look, time, stoppingToken)).ConfigureAwait(false) != running.Completion)
                {
                    stoppingToken.ThrowIfCancellationRequested();
                    await FollowApprovalsAsync(stoppingToken).ConfigureAwait(false);
                }

                await running.Completion.ConfigureAwait(false);
            }
            finally
            {
                _running = null;
            }
        }
    }

    /// <summary>Somebody may have approved a profile: by <c>profile</c> in another process, or by fitting it.</summary>
    private async Task FollowApprovalsAsync(CancellationToken cancellationToken)
    {
        var now = planning.Value;
        try
        {
            if (now.DecisionsStamp(group) is var stamp && stamp == _stamp)
            {
                return;
            }

            var plan = await now.PlanAsync(group, cancellationToken).ConfigureAwait(false);
            Switch(plan);

            // A reload that came meanwhile must not be undone: looked at again.
            _stamp = ReferenceEquals(now, planning.Value) ? stamp : -1;
        }
        catch (Exception e) when (e is InvalidDataException or FitException or IOException or UnauthorizedAccessException or JsonException)
        {
            // In the middle of being written, or broken: what is in use goes on.
            LogNotFollowed(_logger, group, e.Message);
        }
    }

    [LoggerMessage(EventId = 1201, Level = LogLevel.Warning, Message = "Group {Group} stopped ({Reason}) and joins again")]
    private static partial void LogAgain(ILogger logger, string group, string reason);

    [LoggerMessage(EventId = 1202, Level = LogLevel.Information, Message = "Group {Group} watches no configured model and does not join the log")]
    private static partial void LogNothing(ILogger logger, string group);

    [LoggerMessage(EventId = 1203, Level = LogLevel.Error, Message = "Group {Group} goes on with the profiles it has: {Reason}")]
    private static partial void LogNotFollowed(ILogger logger, string group, string reason);
}
