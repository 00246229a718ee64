using Monitoring.Alerting.Incidents;
using Monitoring.Contracts;

namespace Monitoring.Alerting.Pipeline;

/// <summary>Takes the finding into its incident and decides whether there is anything new to tell: opened, escalated, or nothing.</summary>
internal sealed class DeduplicateStage(IncidentSentence sentence) : IAlertStage
{
    public ValueTask ApplyAsync(AlertContext context, CancellationToken cancellationToken)
    {
        var incident = context.Incident;
        var before = incident.Severity;
        IncidentMerge.Apply(incident, context.Finding);
        incident.Sentence = sentence.Compose(incident, context.Finding);

        var untold = context.IsNew || incident.Suppression.Length > 0;
        if (untold && incident.ParentId is null)
        {
            // A first finding that was stale or silenced leaves the incident untold: the first that is neither tells it.
            incident.Suppression = context.Suppression ?? "";
            if (context.Suppression is null)
            {
                context.Transitions.Add((incident, context.Facts("opened", incident.Sentence)));
            }
        }
        else if (incident.Severity > before && incident.Severity == Severity.Harm && context.Suppression is null && incident.ParentId is null)
        {
            context.Transitions.Add((incident, context.Facts("escalated", incident.Sentence)));
        }

        return ValueTask.CompletedTask;
    }
}
