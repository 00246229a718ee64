using Monitoring.Alerting.Incidents;

namespace Monitoring.Alerting.Receivers;

/// <summary>Tells one destination in its own format. Knows what is worth trying again; keeps no state of its own.</summary>
internal interface IReceiver : IDisposable
{
    /// <summary>
    /// True where the destination drops a message whose id it has seen. Others get one message at a time, so that a crash
    /// leaves at most one that may have arrived, and its repeat is marked.
    /// </summary>
    bool HonoursIds { get; }

    /// <summary>The provider's rate limit.</summary>
    Pace Pace { get; }

    /// <summary>One call. Throws <see cref="HttpRequestException"/> or <see cref="OperationCanceledException"/> when there was no answer.</summary>
    Task<DeliveryResult> SendAsync(OutgoingMessage delivery, CancellationToken cancellationToken);
}

/// <summary>A message on its way.</summary>
/// <param name="Id">Stable id.</param>
/// <param name="Message">What to say.</param>
/// <param name="MayRepeat">An earlier send may have arrived.</param>
internal sealed record OutgoingMessage(string Id, IncidentMessage Message, bool MayRepeat);
