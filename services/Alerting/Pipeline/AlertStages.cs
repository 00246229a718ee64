using Monitoring.Alerting.Incidents;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting.Pipeline;

/// <summary>The stages in their order, made again when the configuration is another one.</summary>
internal sealed class AlertStages(AlertingSettings settings, Outbox outbox, ClientSealer sealer)
{
    private Made? _made;

    /// <summary>The stages of the configuration in use; one transaction takes them once.</summary>
    public IReadOnlyList<IAlertStage> Current
    {
        get
        {
            var configuration = settings.Configuration;
            if (Volatile.Read(ref _made) is { } made && ReferenceEquals(made.Configuration, configuration))
            {
                return made.Stages;
            }

            made = new Made(configuration, Stages(configuration));
            Volatile.Write(ref _made, made);
            return made.Stages;
        }
    }

    /// <summary>The order of the stages is the design: each sees what the ones before decided.</summary>
    private IReadOnlyList<IAlertStage> Stages(MonitoringConfiguration configuration) =>
    [
        new CorrelateStage(),
        new InhibitStage(),
        new MuteStage(configuration, sealer),
        new DeduplicateStage(IncidentSentence.For(configuration.Alerting, sealer)),
        new GroupStage(configuration.Alerting),
        new NotifyStage(outbox),
        new RecordStage(),
    ];

    private sealed record Made(MonitoringConfiguration Configuration, IReadOnlyList<IAlertStage> Stages);
}
