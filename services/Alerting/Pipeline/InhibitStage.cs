using Monitoring.Contracts;

namespace Monitoring.Alerting.Pipeline;

/// <summary>
/// While an attack on a model is open, the drift and outliers that it causes in the model's traffic send no messages of their own.
/// They keep their incident, and speak again when the attack is closed and they are not.
/// </summary>
internal sealed class InhibitStage : IAlertStage
{
    public ValueTask ApplyAsync(AlertContext context, CancellationToken cancellationToken)
    {
        var incident = context.Incident;
        if (incident.Family is Family.Drift or Family.Outlier)
        {
            var attack = context.Batch.OpenOf(incident.Model).FirstOrDefault(i =>
                i.Family is Family.Adversarial or Family.Extraction or Family.Leakage
                && i.Suppression.Length == 0
                && i.LastFindingUnixNano >= context.Finding.SinceUnixNano);
            incident.InhibitedById = attack?.Id;
            if (attack is not null)
            {
                context.Suppress($"inhibited by {attack.Id}");
            }
        }

        return ValueTask.CompletedTask;
    }
}
