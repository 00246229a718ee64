using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using Monitoring.Alerting.Incidents;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting.Receivers.Webhook;

/// <summary>
/// Signed webhooks by Standard Webhooks 1.0.0. The body is the same at every attempt; id and signature let a receiver verify
/// it and drop repeats.
/// </summary>
internal sealed class WebhookReceiver : IReceiver
{
    /// <summary>The specification asks for less than 20 kB.</summary>
    private const int MaxBody = 20_000;

    private readonly HttpClient _http;
    private readonly Uri _url;
    private readonly IReadOnlyList<byte[]> _keys;
    private readonly TimeProvider _time;

    public WebhookReceiver(ReceiverConfiguration configuration, TimeProvider time)
    {
        var webhook = configuration.Webhook ?? throw new ArgumentException("not a webhook", nameof(configuration));
        _url = webhook.Url ?? throw new ArgumentException("a webhook needs a url", nameof(configuration));
        _keys = [.. new[] { webhook.Secret, webhook.PreviousSecret }.OfType<SecretReference>().Select(s => WebhookSignature.DecodeSecret(s.Read()))];
        _http = AddressPolicy.CreateClient(configuration.AllowPrivateAddresses);
        _time = time;
    }

    public bool HonoursIds => true;

    public Pace Pace => Pace.None;

    public async Task<DeliveryResult> SendAsync(OutgoingMessage delivery, CancellationToken cancellationToken)
    {
        var body = Body(delivery.Message);
        var timestamp = _time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("webhook-id", delivery.Id);
        request.Headers.Add("webhook-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
        if (_keys.Count > 0)
        {
            request.Headers.Add("webhook-signature", WebhookSignature.Sign(_keys, delivery.Id, timestamp, body));
        }

        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        var answer = await HttpAnswer.ReadBodyAsync(response, cancellationToken).ConfigureAwait(false);
        return HttpAnswer.Read(response, answer, _time);
    }

    public void Dispose() => _http.Dispose();

    internal static byte[] Body(IncidentMessage message)
    {
        var body = Serialize(message);
        return body.Length < MaxBody ? body
            : Serialize(message with { Samples = [], Measures = new Dictionary<string, double>(), Variables = [], Lines = [], MoreLines = message.Lines.Count + message.MoreLines, Clients = [.. message.Clients.Take(1)] });
    }

    private static byte[] Serialize(IncidentMessage message)
    {
        // `type` may hold letters, digits, underscores and dots only.
        var kind = message.Transition.Replace('-', '_');
        return JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                type = message.Transition is "test" or "digest" ? $"monitoring.{kind}" : $"incident.{kind}",
                timestamp = UnixNano.ToIso(message.TimeUnixNano),
                data = new
                {
                    incident = message.Incident,
                    sequence = message.Sequence,
                    transition = message.Transition,
                    state = message.State,
                    severity = message.Severity,
                    family = message.Family,
                    model = message.Model,
                    modelVersion = message.ModelVersion,
                    client = message.Client,
                    sentence = message.Sentence,
                    text = message.Text,
                    since = Time(message.SinceUnixNano),
                    opened = Time(message.OpenedUnixNano),
                    lastFinding = Time(message.LastFindingUnixNano),
                    findings = message.Findings,
                    events = message.Events,
                    coverage = message.Coverage,
                    atlasTechnique = message.AtlasTechnique,
                    firstStep = message.FirstStep,
                    url = message.Url,
                    clients = message.Clients,
                    variables = message.Variables,
                    samples = message.Samples,
                    monitors = message.Monitors,
                    measures = message.Measures,
                    lines = message.Lines,
                    moreLines = message.MoreLines,
                },
            },
            JsonSerializerOptions.Web);
    }

    private static string? Time(long nano) => nano > 0 ? UnixNano.ToIso(nano) : null;
}
