using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>
/// From configuration to what each consumer group watches: default monitors where a model names none, and every receiver's budget split over
/// all that is routed to it, in the whole installation, whichever roles this process runs.
/// </summary>
public sealed class MonitorPlanner
{
    private readonly LoadedConfiguration _configuration;
    private readonly MonitorKinds _kinds;

    /// <summary>A configuration never changes, and every share depends on all of it: planned once, not once per model.</summary>
    private readonly Lazy<List<List<(IMonitorKind Kind, WatchedMonitor Monitor)>>> _plan;
    private readonly Lazy<Dictionary<ModelConfiguration, int>> _index;

    public MonitorPlanner(LoadedConfiguration configuration, MonitorKinds kinds)
    {
        _configuration = configuration;
        _kinds = kinds;
        _plan = new(Plan);
        _index = new(() => configuration.Value.Models.Select((model, i) => KeyValuePair.Create(model, i)).ToDictionary(ReferenceEqualityComparer.Instance));
    }

    /// <summary>What nobody configured gets; kinds that are not registered are left out.</summary>
    public static IReadOnlyList<string> DefaultKinds { get; } = ["evidence", "outlier", "quality"];

    /// <summary>What a model with a declared objective gets beside them.</summary>
    public const string ObjectiveKind = "performance";

    /// <summary>What holds when no receiver is configured: incidents are shown, at the same rate as they would be told.</summary>
    private static readonly ReceiverConfiguration s_shown = new() { Name = "(shown)" };

    /// <summary>Group of a kind: each family is one service, one consumer group.</summary>
    public static string GroupOf(Family family) => family.ToString().ToLowerInvariant();

    /// <summary>Monitors of a model in all groups, with their budget.</summary>
    public IReadOnlyList<(IMonitorKind Kind, WatchedMonitor Monitor)> MonitorsOf(ModelConfiguration model) => _plan.Value[_index.Value[model]];

    /// <summary>Whether the group watches any configured model.</summary>
    public bool Watches(string group) => _plan.Value.Exists(model => model.Exists(m => GroupOf(m.Kind.Family) == group));

    /// <summary>What a group watches.</summary>
    /// <param name="group">Group, for example <c>drift</c>.</param>
    /// <param name="describe">Description of a model; null when only events can tell.</param>
    /// <param name="approved">SHA-256 of the approved profile of a model's version; null to learn it.</param>
    public MonitorGroupConfiguration Configure(string group, Func<ModelConfiguration, ModelDescription?> describe, Func<ModelConfiguration, string, string?> approved)
    {
        var planned = _plan.Value;
        var models = new List<WatchedModel>();
        for (var i = 0; i < planned.Count; i++)
        {
            var model = _configuration.Value.Models[i];
            var monitors = planned[i].Where(m => GroupOf(m.Kind.Family) == group).Select(m => m.Monitor).ToList();
            if (monitors.Count == 0)
            {
                continue;
            }

            var description = describe(model);
            var current = new WatchedModel
            {
                Name = model.Name,
                Sha256 = description?.Sha256 ?? "",
                Schema = description?.Schema,
                InputTensors = description?.InputTensors ?? [],
                Outputs = description?.Outputs ?? [],
                Monitors = monitors,
                ProfileSha256 = approved(model, model.Version),
                LearningDraws = model.LearningDraws,
                AutoApprove = model.AutoApprove,
                SessionGap = model.SessionGap,
                Tolerance = model.Tolerance,
                Shards = model.Shards,
                Expected = model.Expected,
            };

            // Versions served beside the current one stay watched by their own profiles.
            models.AddRange(model.Versions.Where(v => v.Version != model.Version).Select(v => (v.Version, Sha256: approved(model, v.Version))).Where(v => v.Sha256 is not null)
                .Select(v => current with { Version = v.Version, ProfileSha256 = v.Sha256, Sha256 = "", InputTensors = [], Outputs = [] }));
            models.Add(current);
        }

        return new MonitorGroupConfiguration { Group = group, Models = models };
    }

    private List<List<(IMonitorKind Kind, WatchedMonitor Monitor)>> Plan()
    {
        var models = _configuration.Value.Models;
        var receivers = _configuration.Value.Receivers.Count > 0 ? _configuration.Value.Receivers : [s_shown];
        var entries = models.Select(m => (m.Monitors ?? [.. (m.Objective is null ? DefaultKinds : DefaultKinds.Append(ObjectiveKind)).Where(k => _kinds.TryGet(k, out _)).Select(k => new MonitorConfiguration { Kind = k })])
            .Where(c => _kinds.TryGet(c.Kind, out _)).ToList()).ToList();
        var plan = entries.Select(e => new List<(IMonitorKind, WatchedMonitor)>(e.Count)).ToList();

        // A monitor told to several receivers keeps the strictest of their budgets.
        var best = new Dictionary<(int Model, int Monitor), (double Rate, ReceiverConfiguration Receiver, double Share)>();
        foreach (var receiver in receivers)
        {
            var routed = entries.Select((list, m) => list.Select((c, i) => (Entry: c, Index: i)).Where(c => IsRouted(models[m], _kinds[c.Entry.Kind], receiver)).ToList()).ToList();
            var (shares, _) = BudgetPlan.Split([.. routed.Select(r => (IReadOnlyList<double>)[.. r.Select(c => c.Entry.Weight)])], []);
            for (var m = 0; m < routed.Count; m++)
            {
                for (var i = 0; i < routed[m].Count; i++)
                {
                    var rate = receiver.FalseAlarms.Count / receiver.FalseAlarms.Period.TotalSeconds * shares[m][i];
                    if (!best.TryGetValue((m, routed[m][i].Index), out var known) || rate < known.Rate)
                    {
                        best[(m, routed[m][i].Index)] = (rate, receiver, shares[m][i]);
                    }
                }
            }
        }

        var total = Math.Max(1, entries.Sum(e => e.Count));
        for (var m = 0; m < entries.Count; m++)
        {
            for (var i = 0; i < entries[m].Count; i++)
            {
                // Routed to nobody: shown under the default budget, one share for each monitor of the installation.
                var (receiver, share) = best.TryGetValue((m, i), out var found)
                    ? (found.Receiver, found.Share)
                    : (s_shown, 1.0 / total);
                var entry = entries[m][i];
                plan[m].Add((_kinds[entry.Kind], new WatchedMonitor
                {
                    Name = entry.Name ?? entry.Kind,
                    Kind = entry.Kind,
                    Options = OptionsOf(models[m], entry),
                    BudgetAlarms = receiver.FalseAlarms.Count,
                    BudgetPeriod = receiver.FalseAlarms.Period,
                    Share = share,
                    Muted = entry.Muted,
                }));
            }
        }

        return plan;
    }

    /// <summary>The entry's options, and where it says nothing what the model's objective sets.</summary>
    private SortedDictionary<string, string> OptionsOf(ModelConfiguration model, MonitorConfiguration entry)
    {
        var options = new SortedDictionary<string, string>(entry.Options.Values.ToDictionary(), StringComparer.Ordinal);
        if (model.Objective is { } objective && _kinds[entry.Kind] is IPromisedKind promised)
        {
            foreach (var (key, value) in promised.Promise(objective.Metric, objective.Threshold))
            {
                options.TryAdd(key, value);
            }
        }

        return options;
    }

    private bool IsRouted(ModelConfiguration model, IMonitorKind kind, ReceiverConfiguration receiver)
    {
        if (_configuration.Value.Routes.Count == 0)
        {
            return true;
        }

        foreach (var route in _configuration.Value.Routes)
        {
            var matches = (route.Models.Count == 0 || route.Models.Contains(model.Name, StringComparer.Ordinal))
                && (route.Owners.Count == 0 || route.Owners.Contains(model.Owner ?? "", StringComparer.Ordinal))
                && (route.Families.Count == 0 || route.Families.Contains(GroupOf(kind.Family), StringComparer.Ordinal));
            if (matches && route.Receiver == receiver.Name)
            {
                return true;
            }

            if (matches && !route.Continue)
            {
                return false;
            }
        }

        return false;
    }
}
