using Microsoft.Extensions.Logging;
using Monitoring.EventLog;

namespace Monitoring.Detection;

/// <summary>A consumer group of monitors: joins the log, runs the partitions it is given, and takes new configurations at a checkpoint.</summary>
public sealed class MonitorGroup : IAsyncDisposable
{
    private readonly IEventLog _log;
    private readonly RuntimeServices _services;
    private readonly MonitorGroupOptions _options;
    private readonly DetectionMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<MonitorGroup> _logger;
    private volatile MonitorGroupConfiguration _configuration;
    private ISubscription? _subscription;

    public MonitorGroup(
        IEventLog log,
        MonitorKinds kinds,
        ProfileStore profiles,
        MonitorGroupConfiguration configuration,
        MonitorGroupOptions options,
        BuildIdentity build,
        DetectionMetrics metrics,
        TimeProvider time,
        ILogger<MonitorGroup> logger)
    {
        _log = log;
        _services = new RuntimeServices(kinds, new ProfileFitter(kinds, options.Answers), profiles, build);
        _configuration = configuration;
        _options = options;
        _metrics = metrics;
        _time = time;
        _logger = logger;
    }

    public string Group => _configuration.Group;

    /// <summary>Faults with what ended the group; completes when it was disposed.</summary>
    public Task Completion => _subscription?.Completion ?? Task.CompletedTask;

    /// <summary>Joins the group. Topics of events and findings must exist.</summary>
    public async ValueTask StartAsync(CancellationToken cancellationToken) =>
        _subscription = await _log.SubscribeAsync(new GroupSubscription(Group, _options.Topic, CreateProcessor, _options.MaxBatch), cancellationToken).ConfigureAwait(false);

    /// <summary>
    /// Makes a new configuration the wanted one: each partition finishes its batch, writes a checkpoint under the old, switches, and writes one under the new.
    /// Monitors whose kind, options and profile stay keep their evidence.
    /// </summary>
    public void Switch(MonitorGroupConfiguration configuration)
    {
        if (!string.Equals(configuration.Group, Group, StringComparison.Ordinal))
        {
            throw new ArgumentException($"a configuration of group {configuration.Group} for group {Group}", nameof(configuration));
        }

        // Partitions look at every batch whether it is another one: hashed here once, and what says the same is not another one.
        if (!string.Equals(configuration.Sha256(), _configuration.Sha256(), StringComparison.Ordinal))
        {
            _configuration = configuration;
        }
    }

    /// <summary>All monitors of this member's partitions, as of their last batch.</summary>
    public IReadOnlyList<MonitorStatus> Status() => [.. Progress().OrderBy(p => p.Key).SelectMany(p => p.Value.Monitors)];

    /// <summary>How far each of this member's partitions is.</summary>
    public IReadOnlyDictionary<int, PartitionProgress> Progress() => _metrics.Progress(Group);

    public async ValueTask DisposeAsync()
    {
        if (_subscription is { } subscription)
        {
            await subscription.DisposeAsync().ConfigureAwait(false);
        }
    }

    internal IPartitionProcessor CreateProcessor(PartitionAssignment assignment) =>
        new PartitionProcessor(_log, assignment, _services, _options, () => _configuration, _metrics, _time, _logger);
}
