using Monitoring.Alerting.Incidents;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting.Receivers.Slack;

/// <summary>Slack incoming webhook with Block Kit. Slack knows no ids: one message at a time, a repeat is marked.</summary>
internal sealed class SlackReceiver : IReceiver
{
    private const int MaxHeader = 150;

    /// <summary>Of 3,000 and 2,000 allowed: all texts together stay far below the 13,000 at which messages are refused.</summary>
    private const int MaxSection = 2900;
    private const int MaxField = 400;

    private readonly HttpClient _http;
    private readonly Uri _url;
    private readonly TimeProvider _time;

    public SlackReceiver(ReceiverConfiguration configuration, TimeProvider time)
    {
        var secret = configuration.Slack?.Url ?? throw new ArgumentException("slack needs a url", nameof(configuration));
        _url = Uri.TryCreate(secret.Read(), UriKind.Absolute, out var url) ? url : throw new FormatException($"the secret {secret} is not an address");
        _http = AddressPolicy.CreateClient(configuration.AllowPrivateAddresses);
        _time = time;
    }

    public bool HonoursIds => false;

    /// <summary>About one message a second per channel, short bursts tolerated.</summary>
    public Pace Pace { get; } = new(TimeSpan.FromSeconds(1), 3);

    public async Task<DeliveryResult> SendAsync(OutgoingMessage delivery, CancellationToken cancellationToken)
    {
        var (result, _, _) = await JsonPost.SendAsync(_http, _url, JsonPost.Serialize(Payload(delivery.Message, delivery.MayRepeat)), _time, cancellationToken).ConfigureAwait(false);
        return result;
    }

    public void Dispose() => _http.Dispose();

    internal static object Payload(IncidentMessage message, bool mayRepeat)
    {
        var title = Text.Cut(Text.Title(message, mayRepeat), MaxHeader);
        var blocks = new List<object>
        {
            new { type = "header", text = new { type = "plain_text", text = title } },
            new { type = "section", text = new { type = "mrkdwn", text = Escape(Text.Body(message), MaxSection) } },
        };
        var fields = Text.Facts(message).Take(10)
            .Select(f => new { type = "mrkdwn", text = $"*{f.Name}*\n{Escape(f.Value, MaxField)}" })
            .ToList();
        if (fields.Count > 0)
        {
            blocks.Add(new { type = "section", fields });
        }

        if (message.FirstStep.Length > 0 && !message.IsOver)
        {
            blocks.Add(new { type = "context", elements = new[] { new { type = "mrkdwn", text = "First: " + Escape(message.FirstStep, MaxField) } } });
        }

        if (message.Url is { Length: <= 3000 } url)
        {
            blocks.Add(new { type = "actions", elements = new[] { new { type = "button", text = new { type = "plain_text", text = "Open the incident" }, url } } });
        }

        return new { text = Escape($"{title}: {message.Sentence}", MaxField), blocks, unfurl_links = false, unfurl_media = false };
    }

    /// <summary>Escapes Slack's three control characters and cuts to <paramref name="max"/>, never inside an escape.</summary>
    private static string Escape(string text, int max)
    {
        var escaped = text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal);
        var cut = Text.Cut(escaped, max);
        var ampersand = cut.LastIndexOf('&');
        return cut.Length < escaped.Length && ampersand >= 0 && cut.IndexOf(';', ampersand) < 0 ? cut[..ampersand] + "…" : cut;
    }
}
