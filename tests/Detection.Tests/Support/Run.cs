using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Monitoring.Contracts;
using Monitoring.Drift;
using Monitoring.EventLog;
using Monitoring.Quality;
using Monitoring.TestKit;

namespace Monitoring.Detection.Tests.Support;

/// <summary>Drives processors of one partition over a <see cref="MemoryLog"/> as a log would, with owners that die, stall and come back.</summary>
internal sealed class Run : IDisposable
{
    public const string GroupName = "test";
    private readonly TemporaryDirectory _folder = new();
    private readonly ServiceProvider _provider = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly DetectionMetrics _metrics;
    private readonly MonitorKinds _kinds = new([new PlainKind(), new EverythingKind(), new PoisonKind(), new VersionKind(), new PerformanceKind(), new FairnessKind(), new EvidenceKind(), new KsKind()]);
    private long _epoch;

    public Run(MonitorGroupConfiguration? configuration = null, int parallelism = 1, int checkpointRecords = 300)
    {
        Configuration = configuration ?? Default();
        Options = new MonitorGroupOptions { Parallelism = parallelism, CheckpointRecords = checkpointRecords, CheckpointInterval = TimeSpan.FromDays(1) };
        _metrics = new DetectionMetrics(_provider.GetRequiredService<IMeterFactory>());
        Profiles = new ProfileStore(_folder.Path, TimeProvider.System);
    }

    public MemoryLog Log { get; } = new();

    public ProfileStore Profiles { get; }

    public MonitorGroupConfiguration Configuration { get; set; }

    public MonitorGroupOptions Options { get; init; }

    public int Partitions { get; init; } = 1;

    public Owner? LastOwner { get; private set; }

    public PartitionProcessor? Processor { get; private set; }

    public static MonitorGroupConfiguration Default(string group = GroupName, bool autoApprove = true) => new()
    {
        Group = group,
        Models =
        [
            Model("alpha", autoApprove, new WatchedMonitor { Name = "inputs", Kind = "plain", BudgetAlarms = 1, BudgetPeriod = TimeSpan.FromMinutes(10), Share = 0.3 },
                new WatchedMonitor { Name = "all", Kind = "everything", BudgetAlarms = 1, BudgetPeriod = TimeSpan.FromMinutes(2), Share = 0.3 }),
            Model("beta", autoApprove, new WatchedMonitor { Name = "inputs", Kind = "plain", BudgetAlarms = 1, BudgetPeriod = TimeSpan.FromMinutes(10), Share = 0.3 }),
        ],
    };

    public static WatchedModel Model(string name, bool autoApprove, params WatchedMonitor[] monitors) =>
        new() { Name = name, LearningDraws = 500, AutoApprove = autoApprove, Monitors = monitors };

    public async Task FillAsync(IEnumerable<LogRecord> records)
    {
        await Log.EnsureTopicAsync(new TopicDefinition(Topics.InferenceEvents, Partitions), TestContext.Current.CancellationToken);
        await Log.EnsureTopicAsync(new TopicDefinition(Topics.Findings, 1), TestContext.Current.CancellationToken);
        await Log.AppendAsync(Topics.InferenceEvents, [.. records], TestContext.Current.CancellationToken);
    }

    /// <summary>A new owner starts; returns the offset it resumes at.</summary>
    public async Task<long> StartAsync(int partition = 0)
    {
        LastOwner = new Owner(Configuration.Group, Topics.InferenceEvents, partition, Partitions, ++_epoch);
        Processor = Create(LastOwner);
        return await Processor.StartAsync(TestContext.Current.CancellationToken) ?? 0;
    }

    public PartitionProcessor Create(PartitionAssignment owner) =>
        new(Log, owner, new RuntimeServices(_kinds, new ProfileFitter(_kinds, Options.Answers), Profiles, new BuildIdentity("test", "none", "test")), Options, () => Configuration, _metrics, new FakeTimeProvider(), NullLogger.Instance);

    /// <summary>Processes from an offset to another (the end) in batches of the given sizes, again and again.</summary>
    public async Task ProcessAsync(long from, long? to = null, Func<int>? batchSize = null, int partition = 0)
    {
        var entries = new List<LogEntry>();
        await foreach (var entry in Log.ReadAsync(Topics.InferenceEvents, partition, from, to ?? long.MaxValue, TestContext.Current.CancellationToken))
        {
            entries.Add(entry);
        }

        for (var start = 0; start < entries.Count;)
        {
            var count = Math.Min(batchSize?.Invoke() ?? 256, entries.Count - start);
            await Processor!.ProcessAsync(entries.GetRange(start, count), TestContext.Current.CancellationToken);
            start += count;
        }
    }

    /// <summary>An undisturbed run over everything.</summary>
    public async Task<Outcome> WholeAsync(Func<int>? batchSize = null)
    {
        await ProcessAsync(await StartAsync(), null, batchSize);
        await Processor!.StopAsync(lost: false, TestContext.Current.CancellationToken);
        return Outcome();
    }

    /// <summary>A run over everything whose owners are killed at random appends (in the middle of findings, of state values, before or after a manifest, or between batches), each followed by a new one, until one comes to the end.</summary>
    /// <param name="seed">Of the moments and of the sizes of the batches.</param>
    /// <param name="kills">How many owners may die; the next lives.</param>
    /// <param name="mostAppends">Appends that an owner lives at most.</param>
    /// <param name="partition">Whose records.</param>
    public async Task<Outcome> KilledAsync(int seed, int kills = 25, int mostAppends = 60, int partition = 0)
    {
        var random = new Random(seed);
        for (var killed = 0; ; killed++)
        {
            Log.AppendsLeft = killed < kills ? random.Next(0, mostAppends) : null;
            try
            {
                await ProcessAsync(await StartAsync(partition), null, () => random.Next(1, 300), partition);
                await Processor!.StopAsync(lost: false, TestContext.Current.CancellationToken);
                return Outcome();
            }
            catch (KilledException)
            {
                Assert.True(killed < kills);
            }
        }
    }

    /// <summary>What consumers see: findings by position, once; a repeat must be the same bytes. And the evidence of every monitor.</summary>
    public Outcome Outcome()
    {
        var findings = new SortedDictionary<(string, int, long, int), byte[]>();
        foreach (var entry in Log.Entries(Topics.Findings))
        {
            var bytes = entry.Value!.Value.ToArray();
            var position = Finding.Parser.ParseFrom(bytes).Position;
            var key = (position.Group, position.InputPartition, position.InputOffset, position.Ordinal);
            if (findings.TryGetValue(key, out var known))
            {
                Assert.Equal(Convert.ToHexString(known), Convert.ToHexString(bytes));
            }

            findings[key] = bytes;
        }

        return new Outcome(
            [.. findings.Values.Select(Finding.Parser.ParseFrom)],
            string.Join('\n', findings.Values.Select(Convert.ToHexString)),
            string.Join('\n', Processor!.Status().Select(s => $"{s.Model} {s.Monitor} {s.State} {s.Draws} {s.LogEvidence:R} {s.EvidenceDigest}")));
    }

    public void Dispose()
    {
        _metrics.Dispose();
        _provider.Dispose();
        _folder.Dispose();
    }
}
