using Monitoring.Alerting.Incidents;
using Monitoring.Alerting.Receivers;

namespace Monitoring.Alerting.Delivery;

/// <summary>Sends one test message past the outbox: does this receiver's configuration work?</summary>
internal sealed class ReceiverTest(AlertingSettings settings, TimeProvider time)
{
    /// <summary>The receiver's answer; null when no receiver has this name.</summary>
    public async Task<DeliveryResult?> SendAsync(string name, CancellationToken cancellationToken)
    {
        if (settings.Configuration.Receivers.FirstOrDefault(r => r.Name == name) is not { } configuration)
        {
            return null;
        }

        var now = UnixNano.Now(time);
        var subject = $"test-{now}";
        var message = new IncidentMessage
        {
            Incident = subject,
            Sequence = 1,
            Transition = "test",
            State = "open",
            Severity = "record",
            Family = "unspecified",
            Sentence = $"This is a test of receiver {name}: nothing happened, nothing is to be done.",
            TimeUnixNano = now,
        };
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(configuration.Timeout);
        try
        {
            using var receiver = ReceiverFactory.Create(configuration, time);
            return await receiver.SendAsync(new OutgoingMessage(StableId.Notification(subject, "test", name), message, MayRepeat: false), limit.Token).ConfigureAwait(false);
        }
        catch (HttpRequestException e)
        {
            // The message of the exception may hold the address, which is a secret for some receivers.
            return new DeliveryResult(DeliveryOutcome.Retry, e.InnerException is AddressRefusedException refused ? refused.Message : $"no answer: {e.HttpRequestError}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new DeliveryResult(DeliveryOutcome.Retry, $"no answer within {configuration.Timeout.TotalSeconds:F0} s");
        }
        catch (InvalidOperationException e)
        {
            return new DeliveryResult(DeliveryOutcome.Rejected, e.Message);
        }
    }
}
