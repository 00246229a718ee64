using Monitoring.Alerting.Incidents;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting.Receivers.Teams;

/// <summary>A Microsoft Teams workflow that takes an Adaptive Card. Teams knows no ids: one message at a time, a repeat is marked.</summary>
internal sealed class TeamsReceiver : IReceiver
{
    /// <summary>About 28 kB is the limit; the rest is margin for what the flow adds.</summary>
    private const int MaxBody = 24_000;

    private readonly HttpClient _http;
    private readonly Uri _url;
    private readonly TimeProvider _time;

    public TeamsReceiver(ReceiverConfiguration configuration, TimeProvider time)
    {
        var secret = configuration.Teams?.Url ?? throw new ArgumentException("teams needs a url", nameof(configuration));
        _url = Uri.TryCreate(secret.Read(), UriKind.Absolute, out var url) ? url : throw new FormatException($"the secret {secret} is not an address");
        _http = AddressPolicy.CreateClient(configuration.AllowPrivateAddresses);
        _time = time;
    }

    public bool HonoursIds => false;

    /// <summary>Published limits: 4 a second, 60 in half a minute.</summary>
    public Pace Pace { get; } = new(TimeSpan.FromMilliseconds(500), 4);

    public async Task<DeliveryResult> SendAsync(OutgoingMessage delivery, CancellationToken cancellationToken)
    {
        var body = JsonPost.Serialize(Payload(delivery.Message, delivery.MayRepeat, 4000));
        if (body.Length > MaxBody)
        {
            body = JsonPost.Serialize(Payload(delivery.Message with { Lines = [], MoreLines = delivery.Message.Lines.Count + delivery.Message.MoreLines }, delivery.MayRepeat, 1000));
        }

        var (result, status, answer) = await JsonPost.SendAsync(_http, _url, body, _time, cancellationToken).ConfigureAwait(false);

        // Throttling of the older webhooks comes as success with an error in the body.
        return status == 200 && answer.Contains("HTTP error 429", StringComparison.OrdinalIgnoreCase)
            ? new DeliveryResult(DeliveryOutcome.Retry, "Teams answered 200 with HTTP error 429 in the body")
            : result;
    }

    public void Dispose() => _http.Dispose();

    internal static object Payload(IncidentMessage message, bool mayRepeat, int maxText)
    {
        var colour = message.IsOver ? "Good" : message.Severity == "harm" ? "Attention" : "Warning";
        var body = new List<object>
        {
            new { type = "TextBlock", text = Text.Cut(Text.Title(message, mayRepeat), 200), weight = "Bolder", size = "Medium", wrap = true, style = "heading", color = colour },
            new { type = "TextBlock", text = Text.Cut(Text.Body(message).Replace("\n", "\n\n", StringComparison.Ordinal), maxText), wrap = true },
        };
        var facts = Text.Facts(message).Select(f => new { title = f.Name, value = Text.Cut(f.Value, 500) }).ToList();
        if (facts.Count > 0)
        {
            body.Add(new { type = "FactSet", facts });
        }

        if (message.FirstStep.Length > 0 && !message.IsOver)
        {
            body.Add(new { type = "TextBlock", text = "First: " + message.FirstStep, wrap = true, isSubtle = true });
        }

        return new
        {
            type = "message",
            attachments = new[]
            {
                new
                {
                    contentType = "application/vnd.microsoft.card.adaptive",
                    content = new Dictionary<string, object?>(StringComparer.Ordinal)
                    {
                        ["$schema"] = "http://adaptivecards.io/schemas/adaptive-card.json",
                        ["type"] = "AdaptiveCard",
                        ["version"] = "1.2",
                        ["body"] = body,
                        ["actions"] = message.Url is { } url ? [new { type = "Action.OpenUrl", title = "Open the incident", url }] : Array.Empty<object>(),
                        ["msteams"] = new { width = "full" },
                    },
                },
            },
        };
    }
}
