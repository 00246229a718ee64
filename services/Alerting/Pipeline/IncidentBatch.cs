using Microsoft.EntityFrameworkCore;
using Monitoring.Contracts;
using Monitoring.Storage;

namespace Monitoring.Alerting.Pipeline;

/// <summary>
/// What the stages need to know while a batch of findings is worked off, read with a bounded number of queries per batch: the
/// open incidents of the batch's models, open storms, silences, and, once something opens, what else opened around then.
/// </summary>
internal sealed class IncidentBatch
{
    private readonly Dictionary<string, List<Incident>> _openByModel = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Incident> _openByKey = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Incident> _byId = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _together = new(StringComparer.Ordinal);

    private IncidentBatch(MonitoringDbContext context, long nowUnixNano)
    {
        Context = context;
        NowUnixNano = nowUnixNano;
    }

    public MonitoringDbContext Context { get; }

    /// <summary>Wall time.</summary>
    public long NowUnixNano { get; }

    public IReadOnlyList<Silence> Silences { get; private set; } = [];

    /// <summary>Outbox rows written in this batch.</summary>
    public List<OutboxNotification> Rows { get; } = [];

    public static async Task<IncidentBatch> LoadAsync(MonitoringDbContext context, IReadOnlyList<Finding> findings, long nowUnixNano, CancellationToken cancellationToken)
    {
        var batch = new IncidentBatch(context, nowUnixNano);
        var models = findings.Select(f => f.Model).Distinct(StringComparer.Ordinal).ToList();
        var open = await context.Incidents
            .Where(i => i.OpenKey != null && (models.Contains(i.Model) || i.IsStorm))
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        foreach (var incident in open.OrderBy(i => i.OpenedUnixNano).ThenBy(i => i.Id, StringComparer.Ordinal))
        {
            batch.Index(incident);
        }

        batch.Silences = await context.Silences.AsNoTracking()
            .Where(s => s.StartsUnixNano <= nowUnixNano && s.EndsUnixNano > nowUnixNano)
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        return batch;
    }

    public IReadOnlyList<Incident> OpenOf(string model) => _openByModel.TryGetValue(model, out var list) ? list : [];

    public Incident? FindOpen(string key) => _openByKey.GetValueOrDefault(key);

    /// <summary>An open incident of this batch's view; null when it is closed or unknown.</summary>
    public Incident? FindOpenById(string id) => _byId.GetValueOrDefault(id);

    public void Add(Incident incident)
    {
        Context.Incidents.Add(incident);
        Index(incident);
    }

    /// <summary>
    /// Models with an incident of this class opened around this time that speaks for itself: as many as make a storm are enough to
    /// know. Read once per batch and class; what the batch itself opens is added by <see cref="Opened"/>.
    /// </summary>
    public async ValueTask<IReadOnlySet<string>> OpenedTogetherAsync(string correlationClass, long fromUnixNano, int enough, CancellationToken cancellationToken)
    {
        if (!_together.TryGetValue(correlationClass, out var models))
        {
            var key = ClassPattern(correlationClass);
            var saved = await Context.Incidents.AsNoTracking()
                .Where(i => i.OpenKey != null && i.OpenedUnixNano >= fromUnixNano && i.ParentId == null && !i.IsStorm && i.Suppression == "" && i.CorrelationKey.Contains(key))
                .Select(i => i.Model)
                .Distinct()
                .Take(enough)
                .ToListAsync(cancellationToken).ConfigureAwait(false);
            _together.Add(correlationClass, models = saved.ToHashSet(StringComparer.Ordinal));
        }

        return models;
    }

    /// <summary>An incident opened in this batch that speaks for itself.</summary>
    public void Opened(string correlationClass, string model) => _together[correlationClass].Add(model);

    /// <summary>The incidents themselves, when a storm is made of them.</summary>
    public async Task<IReadOnlyList<Incident>> LoadTogetherAsync(string correlationClass, long fromUnixNano, CancellationToken cancellationToken)
    {
        var key = ClassPattern(correlationClass);
        var saved = await Context.Incidents
            .Where(i => i.OpenKey != null && i.OpenedUnixNano >= fromUnixNano && i.ParentId == null && !i.IsStorm && i.Suppression == "" && i.CorrelationKey.Contains(key))
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        foreach (var incident in saved.Where(i => !_byId.ContainsKey(i.Id)))
        {
            Index(incident);
        }

        return [.. _byId.Values.Where(i => i.OpenedUnixNano >= fromUnixNano && i.ParentId is null && !i.IsStorm && i.Suppression.Length == 0 && i.CorrelationKey.Contains(key, StringComparison.Ordinal))
            .OrderBy(i => i.OpenedUnixNano).ThenBy(i => i.Id, StringComparer.Ordinal)];
    }

    /// <summary>Incidents of this batch's view that are members of the storm, saved or not.</summary>
    public IEnumerable<Incident> MembersOf(string storm) => _byId.Values.Where(i => i.ParentId == storm);

    /// <summary>Keys are <c>model|class|client</c>, and neither model nor client can hold the separator.</summary>
    private static string ClassPattern(string correlationClass) => $"|{correlationClass}|";

    private void Index(Incident incident)
    {
        _openByKey.Add(incident.OpenKey!, incident);
        _byId.Add(incident.Id, incident);
        if (incident.Model.Length == 0)
        {
            return;
        }

        if (!_openByModel.TryGetValue(incident.Model, out var list))
        {
            _openByModel.Add(incident.Model, list = []);
        }

        list.Add(incident);
    }
}
