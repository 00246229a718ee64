using Monitoring.Alerting.Incidents;

namespace Monitoring.Alerting.Pipeline;

/// <summary>Writes what the stages before it decided to tell into the outbox, one row per receiver.</summary>
internal sealed class NotifyStage(Outbox outbox) : IAlertStage
{
    public ValueTask ApplyAsync(AlertContext context, CancellationToken cancellationToken)
    {
        foreach (var (incident, facts) in context.Transitions)
        {
            context.Batch.Rows.AddRange(outbox.Transition(context.Batch.Context, incident, facts, outbox.ToldAtOnce(incident)));
        }

        return ValueTask.CompletedTask;
    }
}
