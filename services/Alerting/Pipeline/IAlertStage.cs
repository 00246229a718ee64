namespace Monitoring.Alerting.Pipeline;

/// <summary>One step from a finding to what people are told. Stages run in a fixed order inside the transaction of a batch.</summary>
internal interface IAlertStage
{
    ValueTask ApplyAsync(AlertContext context, CancellationToken cancellationToken);
}
