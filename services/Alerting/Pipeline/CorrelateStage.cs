using Monitoring.Alerting.Incidents;
using Monitoring.Contracts;
using Monitoring.Storage;

namespace Monitoring.Alerting.Pipeline;

/// <summary>
/// Finds the incident a finding belongs to, or opens one: same model, same client (or cohort sharing a client), same family.
/// The families of attacks count as one, so that one attack that trips five monitors is one incident.
/// </summary>
internal sealed class CorrelateStage : IAlertStage
{
    public const string Attack = "attack";

    public ValueTask ApplyAsync(AlertContext context, CancellationToken cancellationToken)
    {
        var finding = context.Finding;
        var key = KeyOf(finding);
        var incident = context.Batch.FindOpen(key) ?? SharingAClient(context);
        if (incident is null)
        {
            incident = new Incident
            {
                // One finding may open, after closing by hand, only one incident under a key: the pair names it for good.
                Id = StableId.Incident(key, finding.Id),
                OpenKey = key,
                CorrelationKey = key,
                State = IncidentState.Open,
                Severity = finding.Severity,
                Family = finding.Family,
                Model = finding.Model,
                ModelVersion = finding.ModelVersion,
                Client = finding.Client,
                Sentence = "",
                SinceUnixNano = finding.SinceUnixNano,
                OpenedUnixNano = finding.TimeUnixNano,
                LastFindingUnixNano = finding.TimeUnixNano,
            };
            context.Batch.Add(incident);
            context.IsNew = true;
        }

        context.Incident = incident;
        return ValueTask.CompletedTask;
    }

    /// <summary>Class of the family in correlation keys.</summary>
    public static string ClassOf(Finding finding) => finding.Family switch
    {
        Family.Adversarial or Family.Extraction or Family.Leakage => Attack,
        // Two ways of being blind have two remedies.
        Family.Pipeline => $"pipeline/{finding.Kind}",
        _ => Vocabulary.Of(finding.Family),
    };

    private static string KeyOf(Finding finding) => $"{finding.Model}|{ClassOf(finding)}|{Uri.EscapeDataString(finding.Client)}";

    /// <summary>An attack over many accounts names clients one by one or together: a shared client joins them.</summary>
    private static Incident? SharingAClient(AlertContext context)
    {
        var finding = context.Finding;
        if (ClassOf(finding) != Attack)
        {
            return null;
        }

        var clients = finding.Clients.Append(finding.Client).Where(c => c.Length > 0).ToHashSet(StringComparer.Ordinal);
        return context.Batch.OpenOf(finding.Model)
            .FirstOrDefault(i => i.Family is Family.Adversarial or Family.Extraction or Family.Leakage && i.Details.Clients.Any(clients.Contains));
    }
}
