using Microsoft.EntityFrameworkCore;
using Monitoring.Contracts;
using Monitoring.Storage;

namespace Monitoring.Alerting.Pipeline;

/// <summary>
/// What the stages need to know while a batch of findings is worked off, read with a bounded number of queries per batch: the
/// open incidents of the batch's models, open storms, what opened recently anywhere, silences.
/// </summary>
internal sealed class IncidentBatch
{
    private readonly Dictionary<string, List<Incident>> _openByModel = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Incident> _openByKey = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Incident> _byId = new(StringComparer.Ordinal);

    private IncidentBatch(MonitoringDbContext context, long nowUnixNano)
    {
        Context = context;
        NowUnixNano = nowUnixNano;
    }

    public MonitoringDbContext Context { get; }

    /// <summary>Wall time.</summary>
    public long NowUnixNano { get; }

    public IReadOnlyList<Silence> Silences { get; private set; } = [];

    /// <summary>Open incidents of single models opened within the storm window, of any model.</summary>
    public List<Incident> Recent { get; private set; } = [];

    /// <summary>Outbox rows written in this batch.</summary>
    public List<OutboxNotification> Rows { get; } = [];

    public static async Task<IncidentBatch> LoadAsync(MonitoringDbContext context, IReadOnlyList<Finding> findings, TimeSpan stormWindow, long nowUnixNano, CancellationToken cancellationToken)
    {
        var batch = new IncidentBatch(context, nowUnixNano);
        var models = findings.Select(f => f.Model).Distinct(StringComparer.Ordinal).ToList();
        var earliest = findings.Count == 0 ? nowUnixNano : findings.Min(f => f.TimeUnixNano) - (long)(stormWindow.TotalSeconds * UnixNano.PerSecond);
        var open = await context.Incidents
            .Where(i => i.OpenKey != null && (models.Contains(i.Model) || i.IsStorm || i.OpenedUnixNano >= earliest))
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

    private void Index(Incident incident)
    {
        _openByKey.Add(incident.OpenKey!, incident);
        _byId.Add(incident.Id, incident);
        if (incident.IsStorm)
        {
            return;
        }

        if (!_openByModel.TryGetValue(incident.Model, out var list))
        {
            _openByModel.Add(incident.Model, list = []);
        }

        list.Add(incident);
        Recent.Add(incident);
    }
}
