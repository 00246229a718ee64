using Monitoring.Alerting.Incidents;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting.Receivers.Alertmanager;

/// <summary>
/// Prometheus Alertmanager v2. An alert is its label set, so labels say only what never changes; what does change stands in
/// annotations. Firing alerts are sent again by <see cref="AlertmanagerResend"/>, else Alertmanager takes them for resolved.
/// </summary>
internal sealed class AlertmanagerReceiver : IReceiver
{
    private readonly HttpClient _http;
    private readonly Uri _alerts;
    private readonly TimeSpan _resend;
    private readonly TimeProvider _time;

    public AlertmanagerReceiver(ReceiverConfiguration configuration, TimeProvider time)
    {
        var alertmanager = configuration.Alertmanager ?? throw new ArgumentException("not Alertmanager", nameof(configuration));
        var url = alertmanager.Url ?? throw new ArgumentException("Alertmanager needs a url", nameof(configuration));
        _alerts = new Uri(url.ToString().TrimEnd('/') + "/api/v2/alerts");
        _resend = alertmanager.Resend;
        _http = AddressPolicy.CreateClient(configuration.AllowPrivateAddresses);
        _time = time;
    }

    public bool HonoursIds => true;

    public Pace Pace => Pace.None;

    public Task<DeliveryResult> SendAsync(OutgoingMessage delivery, CancellationToken cancellationToken) =>
        delivery.Message.Transition == "digest"
            ? Task.FromResult(DeliveryResult.Delivered with { Detail = "a digest is no alert: nothing to send" })
            : SendAsync([delivery.Message], cancellationToken);

    /// <summary>Firing and resolved alerts in one call.</summary>
    public async Task<DeliveryResult> SendAsync(IReadOnlyList<IncidentMessage> messages, CancellationToken cancellationToken)
    {
        var body = JsonPost.Serialize(messages.SelectMany(Alerts).ToList());
        var (result, _, _) = await JsonPost.SendAsync(_http, _alerts, body, _time, cancellationToken).ConfigureAwait(false);
        return result;
    }

    public void Dispose() => _http.Dispose();

    private IEnumerable<object> Alerts(IncidentMessage message)
    {
        var now = _time.GetUtcNow();
        if (message.Transition == "escalated")
        {
            // The severity is a label because people route by it; the alert of the lower severity ends here.
            yield return Alert(message, "change", now);
        }

        // A sender that dies stops sending again; its alerts end by themselves a few rounds later.
        yield return Alert(message, message.Severity, message.IsOver || message.Transition == "test" ? now : now + Longest(_resend * 4, TimeSpan.FromMinutes(4)));
    }

    private static object Alert(IncidentMessage message, string severity, DateTimeOffset endsAt) => new
    {
        labels = Labels(message, severity),
        annotations = Annotations(message),
        startsAt = message.OpenedUnixNano > 0 ? UnixNano.ToIso(message.OpenedUnixNano) : UnixNano.ToIso(message.TimeUnixNano),
        endsAt = UnixNano.ToIso(UnixNano.Of(endsAt)),
        generatorURL = message.Url,
    };

    private static Dictionary<string, string> Annotations(IncidentMessage message)
    {
        var annotations = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["summary"] = message.Sentence,
            ["description"] = Text.Body(message),
            ["firstStep"] = message.FirstStep,
        };
        if (message.SealedRoot is { } root)
        {
            annotations["logRoot"] = root.Root;
        }

        return annotations;
    }

    private static SortedDictionary<string, string> Labels(IncidentMessage message, string severity)
    {
        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["alertname"] = "MonitoringIncident",
            ["incident"] = message.Incident,
            ["family"] = message.Family,
            ["severity"] = severity,
        };
        if (message.Model.Length > 0)
        {
            // Alertmanager drops empty labels, which would make another alert of it.
            labels["model"] = message.Model;
        }

        return labels;
    }

    private static TimeSpan Longest(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
