using System.Globalization;
using Monitoring.Alerting.Incidents;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting.Receivers.PagerDuty;

/// <summary>PagerDuty Events API v2. The incident is the <c>dedup_key</c>: a repeat changes nothing there; what was triggered is acknowledged and resolved.</summary>
internal sealed class PagerDutyReceiver : IReceiver
{
    private const int MaxBody = 512_000;
    private const int MaxSummary = 1024;
    private const int MaxDedupKey = 255;

    private readonly HttpClient _http;
    private readonly Uri _events;
    private readonly Uri _changes;
    private readonly string _routingKey;
    private readonly TimeProvider _time;

    public PagerDutyReceiver(ReceiverConfiguration configuration, TimeProvider time)
    {
        var pagerDuty = configuration.PagerDuty ?? throw new ArgumentException("not PagerDuty", nameof(configuration));
        var secret = pagerDuty.RoutingKey ?? throw new ArgumentException("PagerDuty needs a routingKey", nameof(configuration));
        _routingKey = secret.Read();
        if (_routingKey.Length != 32)
        {
            throw new FormatException($"the secret {secret} is not an integration key of 32 characters");
        }

        _events = new Uri(pagerDuty.Url, "/v2/enqueue");
        _changes = new Uri(pagerDuty.Url, "/v2/change/enqueue");
        _http = AddressPolicy.CreateClient(configuration.AllowPrivateAddresses);
        _time = time;
    }

    public bool HonoursIds => true;

    /// <summary>About 120 calls a minute per integration key.</summary>
    public Pace Pace { get; } = new(TimeSpan.FromMilliseconds(500), 30);

    public async Task<DeliveryResult> SendAsync(OutgoingMessage delivery, CancellationToken cancellationToken)
    {
        // A digest pages nobody: it is shown among the service's changes.
        var (url, body) = delivery.Message.Transition == "digest" ? (_changes, Change(delivery.Message)) : (_events, Event(delivery.Message));
        var (result, _, _) = await JsonPost.SendAsync(_http, url, body, _time, cancellationToken).ConfigureAwait(false);
        return result;
    }

    public void Dispose() => _http.Dispose();

    private byte[] Event(IncidentMessage message)
    {
        var body = Serialize(withDetails: true);
        return body.Length <= MaxBody ? body : Serialize(withDetails: false);

        byte[] Serialize(bool withDetails)
        {
            var action = message.Transition switch
            {
                "acknowledged" => "acknowledge",
                "resolved" or "falseAlarm" => "resolve",
                _ => "trigger",
            };
            return JsonPost.Serialize(new
            {
                routing_key = _routingKey,
                event_action = action,
                dedup_key = Text.Cut(message.Incident, MaxDedupKey),
                payload = action != "trigger" ? null : new
                {
                    summary = Text.Cut(message.Sentence, MaxSummary),
                    source = message.Model.Length > 0 ? message.Model : "monitoring",
                    severity = message.Severity switch { "harm" => "critical", "change" => "warning", _ => "info" },
                    timestamp = UnixNano.ToIso(message.TimeUnixNano),
                    component = message.Model.Length > 0 ? message.Model : null,
                    group = message.Family,
                    @class = message.AtlasTechnique.Length > 0 ? message.AtlasTechnique : null,
                    custom_details = withDetails ? Details(message) : null,
                },
                links = action == "trigger" && message.Url is { } url ? new[] { new { href = url, text = "Open the incident" } } : null,
                client = "Monitoring",
                client_url = message.Url,
            });
        }
    }

    private byte[] Change(IncidentMessage message) => JsonPost.Serialize(new
    {
        routing_key = _routingKey,
        payload = new
        {
            summary = Text.Cut(message.Sentence, MaxSummary),
            source = "monitoring",
            timestamp = UnixNano.ToIso(message.TimeUnixNano),
            custom_details = message.Lines.Select((line, i) => (Key: (i + 1).ToString("00", CultureInfo.InvariantCulture), line)).ToDictionary(l => l.Key, l => l.line, StringComparer.Ordinal),
        },
        links = message.Url is { } url ? new[] { new { href = url, text = "Open" } } : null,
    });

    private static Dictionary<string, object> Details(IncidentMessage message)
    {
        var details = new Dictionary<string, object>(StringComparer.Ordinal) { ["text"] = Text.Body(message), ["first step"] = message.FirstStep };
        foreach (var (name, value) in Text.Facts(message))
        {
            details[name] = value;
        }

        foreach (var (name, value) in message.Measures)
        {
            details[name] = value;
        }

        return details;
    }
}
