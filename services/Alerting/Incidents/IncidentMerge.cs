using Monitoring.Contracts;
using Monitoring.Storage;

namespace Monitoring.Alerting.Incidents;

/// <summary>Takes a finding into an incident: counts, times and bounded lists.</summary>
internal static class IncidentMerge
{
    private const int MaxClients = 100;
    private const int MaxSamples = 32;
    private const int MaxMonitors = 50;
    private const int MaxMeasures = 50;

    public static void Apply(Incident incident, Finding finding)
    {
        incident.FindingCount++;
        incident.SinceUnixNano = Math.Min(incident.SinceUnixNano, finding.SinceUnixNano);
        incident.LastFindingUnixNano = Math.Max(incident.LastFindingUnixNano, finding.TimeUnixNano);
        incident.EventCount = Math.Max(incident.EventCount, Math.Max(finding.Events, finding.Draws));
        incident.Coverage = Math.Min(incident.Coverage, finding.Coverage > 0 ? finding.Coverage : 1);
        incident.Severity = (Severity)Math.Max((int)incident.Severity, (int)finding.Severity);
        if (incident.AtlasTechnique.Length == 0)
        {
            incident.AtlasTechnique = finding.AtlasTechnique;
        }

        var details = incident.Details;
        var measures = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach (var (name, value) in details.Measures)
        {
            measures[name] = value;
        }

        foreach (var measure in finding.Measures)
        {
            // JSON has no NaN or infinity, and neither tells a person anything.
            if (double.IsFinite(measure.Value) && (measures.ContainsKey(measure.Name) || measures.Count < MaxMeasures))
            {
                measures[measure.Name] = measure.Value;
            }
        }

        incident.Details = details with
        {
            Clients = Union(details.Clients, finding.Client.Length > 0 ? [finding.Client, .. finding.Clients] : finding.Clients, MaxClients),
            Variables = finding.Contributions.Count > 0 ? Variables(finding) : details.Variables,
            Slice = finding.Slice is { } slice
                ? new ChangeSlice([.. slice.Columns.Take(2)], Finite(slice.Carried), Finite(slice.Auroc), [.. slice.Cells.Take(3).Select(c => new ChangeCell(c.Text, Finite(c.Reference), Finite(c.Observed)))])
                : details.Slice,
            Columns = finding.Columns.Count > 0
                ? [.. finding.Columns.Take(10).Select(c => new ColumnMove(c.Column, Finite(c.Change), c.HasImpact && double.IsFinite(c.Impact) ? c.Impact : null))]
                : details.Columns,
            SampleEventIds = Union(details.SampleEventIds, finding.SampleEventIds, MaxSamples),
            Monitors = [.. Union(details.Monitors, [finding.Monitor.Length > 0 ? finding.Monitor : finding.Kind], MaxMonitors).Order(StringComparer.Ordinal)],
            Measures = measures,
            InputPartition = finding.Position is { InputTopic: Topics.InferenceEvents } position ? position.InputPartition : details.InputPartition,
        };
    }

    private static IReadOnlyList<string> Union(IReadOnlyList<string> old, IEnumerable<string> added, int max)
    {
        var seen = old.ToHashSet(StringComparer.Ordinal);
        var news = added.Where(a => a.Length > 0 && seen.Add(a)).Take(max - Math.Min(max, old.Count)).ToList();
        return news.Count == 0 ? old : [.. old, .. news];
    }

    private static IReadOnlyList<VariableShare> Variables(Finding finding) =>
        [.. finding.Contributions.Take(10).Select(c => new VariableShare(
            c.Variable,
            Finite(c.LogEvidence),
            c.Effect?.Measure ?? "",
            Finite(c.Effect?.Reference ?? 0),
            Finite(c.Effect?.Observed ?? 0),
            Finite(c.Effect?.Size ?? 0)))];

    private static double Finite(double value) => double.IsFinite(value) ? value : 0;
}
