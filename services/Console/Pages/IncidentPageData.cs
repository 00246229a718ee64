using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Incidents;
using Monitoring.WebConsole.Samples;

namespace Monitoring.WebConsole.Pages;

/// <summary>All that an incident's page shows.</summary>
/// <param name="Detail">The incident.</param>
/// <param name="Findings">Its findings, newest first.</param>
/// <param name="Samples">Pinned events, read.</param>
/// <param name="Explanations">Explanations of its findings.</param>
/// <param name="Curves">Values of the strongest features over time, where they are columns of a row.</param>
/// <param name="Audit">Acts on it; empty for who may not see them.</param>
/// <param name="Responses">Decisions in force about its clients; null where this process cannot make any.</param>
/// <param name="Done">The act just done, for a line that says so; empty for none.</param>
internal sealed record IncidentPageData(
    IncidentDetailView Detail,
    IReadOnlyList<Finding> Findings,
    IReadOnlyList<SampleRow> Samples,
    IReadOnlyList<Explanation> Explanations,
    IReadOnlyDictionary<string, FeatureCurve> Curves,
    IReadOnlyList<AuditView> Audit,
    IReadOnlyList<ResponseView>? Responses,
    string Done);
