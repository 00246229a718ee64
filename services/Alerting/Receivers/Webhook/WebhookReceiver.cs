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
    private readonly WebhookFormat _format;
    private readonly string? _token;
    private readonly TimeProvider _time;

    public WebhookReceiver(ReceiverConfiguration configuration, TimeProvider time)
    {
        var webhook = configuration.Webhook ?? throw new ArgumentException("not a webhook", nameof(configuration));
        _url = webhook.Url ?? throw new ArgumentException("a webhook needs a url", nameof(configuration));
        _keys = [.. new[] { webhook.Secret, webhook.PreviousSecret }.OfType<SecretReference>().Select(s => WebhookSignature.DecodeSecret(s.Read()))];
        _format = webhook.Format;
        _token = webhook.Token?.Read();
        _http = AddressPolicy.CreateClient(configuration.AllowPrivateAddresses);
        _time = time;
    }

    /// <summary>GitHub starts a workflow for every call.</summary>
    public bool HonoursIds => _format == WebhookFormat.Standard;

    public Pace Pace => Pace.None;

    public async Task<DeliveryResult> SendAsync(OutgoingMessage delivery, CancellationToken cancellationToken)
    {
        var body = _format == WebhookFormat.GithubDispatch ? Dispatch(delivery) : Body(delivery.Message);
        var timestamp = _time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("webhook-id", delivery.Id);
        request.Headers.Add("webhook-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
        request.Headers.UserAgent.ParseAdd("monitoring");
        if (_token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
        }

        if (_format == WebhookFormat.GithubDispatch)
        {
            request.Headers.Accept.ParseAdd("application/vnd.github+json");
        }

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
        return body.Length < MaxBody ? body : Serialize(Shorten(message));
    }

    /// <summary>
    /// Body of GitHub's <c>POST /repos/{owner}/{repo}/dispatches</c>: <c>event_type</c>, at most 100 characters, and <c>client_payload</c>, at most ten top-level
    /// properties. The workflow reads <c>github.event.client_payload.data</c>, which is what a standard webhook's <c>data</c> is.
    /// </summary>
    internal static byte[] Dispatch(OutgoingMessage delivery)
    {
        var body = Serialize(delivery.Message);
        return body.Length < MaxBody ? body : Serialize(Shorten(delivery.Message));

        byte[] Serialize(IncidentMessage message) => JsonSerializer.SerializeToUtf8Bytes(
            new Dictionary<string, object>(StringComparer.Ordinal)
            {
                ["event_type"] = $"monitoring-{message.Transition}",
                ["client_payload"] = new { id = delivery.Id, mayRepeat = delivery.MayRepeat, data = Data(message) },
            },
            JsonSerializerOptions.Web);
    }

    private static IncidentMessage Shorten(IncidentMessage message) =>
        message with { Samples = [], Measures = new Dictionary<string, double>(), Variables = [], Lines = [], MoreLines = message.Lines.Count + message.MoreLines, Clients = [.. message.Clients.Take(1)] };

    private static byte[] Serialize(IncidentMessage message)
    {
        // `type` may hold letters, digits, underscores and dots only.
        var kind = message.Transition.Replace('-', '_');
        return JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                type = message.Transition is "test" or "digest" ? $"monitoring.{kind}" : $"incident.{kind}",
                timestamp = UnixNano.ToIso(message.TimeUnixNano),
                data = Data(message),
            },
            JsonSerializerOptions.Web);
    }

    private static object Data(IncidentMessage message) => new
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
        sealedRoot = message.SealedRoot is not { } root ? null : new { root.Topic, root.Partition, root.Checkpoints, sealedTo = Time(root.SealedToUnixNano), root.Root },
    };

    private static string? Time(long nano) => nano > 0 ? UnixNano.ToIso(nano) : null;
}
