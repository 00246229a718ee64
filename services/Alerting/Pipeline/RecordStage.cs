using Google.Protobuf;
using Monitoring.Storage;

namespace Monitoring.Alerting.Pipeline;

/// <summary>Keeps the finding with its incident. The first ones are kept whole; beyond that only the counts grow.</summary>
internal sealed class RecordStage : IAlertStage
{
    /// <summary>Findings kept per incident. An alarm re-arms only after calm, so an incident with more is a flood.</summary>
    public const int MaxFindings = 500;

    /// <summary>Findings per incident whose sample events are copied out of retention's reach.</summary>
    private const int MaxPinned = 8;

    public ValueTask ApplyAsync(AlertContext context, CancellationToken cancellationToken)
    {
        if (context.Incident.FindingCount <= MaxFindings)
        {
            var finding = context.Finding;
            var pin = finding.SampleEventIds.Count > 0 && finding.Position is { InputTopic.Length: > 0 } && context.Incident.FindingCount <= MaxPinned;
            context.Batch.Context.IncidentFindings.Add(new IncidentFinding
            {
                IncidentId = context.Incident.Id,
                FindingId = finding.Id,
                TimeUnixNano = finding.TimeUnixNano,
                Monitor = finding.Monitor,
                Kind = finding.Kind,
                Severity = finding.Severity,
                Payload = finding.ToByteArray(),
                Pin = pin ? PinState.Pending : PinState.None,
            });
        }

        return ValueTask.CompletedTask;
    }
}
