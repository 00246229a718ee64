using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Monitoring.Alerting.Tests.Receivers;

/// <summary>
/// A chat or pager service that enforces what its documentation states: schema, limits, error answers. Written from
/// the providers' documents, so that a sender that departs from them fails here as it would there.
/// </summary>
internal sealed class ProviderDouble : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<JsonElement> _accepted = new();
    private readonly ConcurrentQueue<string> _refused = new();
    private readonly ConcurrentQueue<string> _paths = new();

    private ProviderDouble(WebApplication app) => _app = app;

    public string Url { get; private set; } = "";

    /// <summary>Bodies that passed, in order.</summary>
    public IReadOnlyList<JsonElement> Accepted => [.. _accepted];

    /// <summary>Reasons of refusals by the provider's rules.</summary>
    public IReadOnlyList<string> Refused => [.. _refused];

    public IReadOnlyList<string> Paths => [.. _paths];

    /// <summary>Answers to give first, instead of looking at the request.</summary>
    public ConcurrentQueue<Func<HttpContext, IResult>> First { get; } = new();

    public static Task<ProviderDouble> SlackAsync() => StartAsync(Slack);

    public static Task<ProviderDouble> PagerDutyAsync() => StartAsync(PagerDuty);

    public static Task<ProviderDouble> TeamsAsync() => StartAsync(Teams);

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private static async Task<ProviderDouble> StartAsync(Func<string, JsonElement, int, (string? Refusal, IResult Answer)> provider)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var self = new ProviderDouble(app);
        app.MapPost("/{**path}", (Delegate)(async (HttpContext context) =>
        {
            using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
            var text = await reader.ReadToEndAsync(context.RequestAborted);
            self._paths.Enqueue(context.Request.Path);
            if (self.First.TryDequeue(out var first))
            {
                return first(context);
            }

            if (context.Request.ContentType != "application/json")
            {
                self._refused.Enqueue($"content type {context.Request.ContentType}");
                return Results.BadRequest("invalid_payload");
            }

            var body = JsonDocument.Parse(text).RootElement;
            var (refusal, answer) = provider(context.Request.Path, body, Encoding.UTF8.GetByteCount(text));
            if (refusal is null)
            {
                self._accepted.Enqueue(body);
            }
            else
            {
                self._refused.Enqueue(refusal);
            }

            return answer;
        }));
        await app.StartAsync();
        self.Url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return self;
    }

    /// <summary>Block Kit and incoming webhooks.</summary>
    private static (string?, IResult) Slack(string path, JsonElement body, int bytes)
    {
        var reason = Check();
        return (reason, reason is null ? Results.Text("ok") : Results.Text(reason.StartsWith("no_text", StringComparison.Ordinal) ? "no_text" : "invalid_blocks", statusCode: 400));

        string? Check()
        {
            if (!body.TryGetProperty("text", out var text) || string.IsNullOrEmpty(text.GetString()))
            {
                return "no_text";
            }

            var blocks = body.GetProperty("blocks");
            if (blocks.GetArrayLength() is 0 or > 50)
            {
                return "between 1 and 50 blocks";
            }

            if (bytes > 13_000)
            {
                return "msg_blocks_too_long";
            }

            return blocks.EnumerateArray().Select(Block).FirstOrDefault(r => r is not null);
        }

        static string? Block(JsonElement block) => block.GetProperty("type").GetString() switch
        {
            "header" => Plain(block.GetProperty("text"), 150),
            "section" => Section(block),
            "context" => Limit(block.GetProperty("elements"), 10) ?? block.GetProperty("elements").EnumerateArray().Select(e => Mrkdwn(e, 3000)).FirstOrDefault(r => r is not null),
            "actions" => Limit(block.GetProperty("elements"), 25) ?? block.GetProperty("elements").EnumerateArray().Select(Button).FirstOrDefault(r => r is not null),
            "divider" => null,
            var other => $"block type {other}",
        };

        static string? Section(JsonElement block)
        {
            var hasText = block.TryGetProperty("text", out var text);
            var hasFields = block.TryGetProperty("fields", out var fields);
            return !hasText && !hasFields ? "section without text and fields"
                : (hasText ? Mrkdwn(text, 3000) : null)
                ?? (hasFields ? Limit(fields, 10) ?? fields.EnumerateArray().Select(f => Mrkdwn(f, 2000)).FirstOrDefault(r => r is not null) : null);
        }

        static string? Button(JsonElement e) =>
            e.GetProperty("type").GetString() != "button" ? "element is no button"
            : Plain(e.GetProperty("text"), 75) ?? (e.GetProperty("url").GetString()!.Length > 3000 ? "url too long" : null);

        static string? Plain(JsonElement e, int max) => e.GetProperty("type").GetString() != "plain_text" ? "not plain_text" : Length(e, max);

        static string? Mrkdwn(JsonElement e, int max)
        {
            var raw = e.GetProperty("text").GetString()!;
            var stripped = raw.Replace("&amp;", "", StringComparison.Ordinal).Replace("&lt;", "", StringComparison.Ordinal).Replace("&gt;", "", StringComparison.Ordinal);
            return e.GetProperty("type").GetString() != "mrkdwn" ? "not mrkdwn"
                : stripped.AsSpan().ContainsAny("&<>") ? $"unescaped control character in {raw}"
                : Length(e, max);
        }

        static string? Length(JsonElement e, int max) => e.GetProperty("text").GetString() is { Length: > 0 } t && t.Length <= max ? null : $"text must have 1 to {max} characters";

        static string? Limit(JsonElement array, int max) => array.GetArrayLength() > max || array.GetArrayLength() == 0 ? $"1 to {max} elements" : null;
    }

    /// <summary>Events API v2.</summary>
    private static (string?, IResult) PagerDuty(string path, JsonElement body, int bytes)
    {
        var reason = path switch
        {
            "/v2/enqueue" => Event(),
            "/v2/change/enqueue" => Change(),
            _ => $"no such path {path}",
        };
        return (reason, reason is null
            ? Results.Json(new { status = "success", message = "Event processed", dedup_key = body.TryGetProperty("dedup_key", out var d) ? d.GetString() : null }, statusCode: 202)
            : Results.Json(new { status = "invalid event", message = "Event object is invalid", errors = new[] { reason } }, statusCode: 400));

        string? Event()
        {
            if (bytes > 512 * 1024)
            {
                return "body over 512 KB";
            }

            var action = String(body, "event_action");
            return String(body, "routing_key") is not { Length: 32 } ? "routing_key must have 32 characters"
                : action is not ("trigger" or "acknowledge" or "resolve") ? $"event_action {action}"
                : action != "trigger" && string.IsNullOrEmpty(String(body, "dedup_key")) ? "dedup_key is required"
                : String(body, "dedup_key") is { Length: > 255 } ? "dedup_key over 255"
                : action == "trigger" ? Payload(body) : null;
        }

        static string? Payload(JsonElement body) =>
            !body.TryGetProperty("payload", out var payload) ? "payload is required"
            : String(payload, "summary") is not { Length: > 0 and <= 1024 } ? "summary must have 1 to 1024 characters"
            : string.IsNullOrEmpty(String(payload, "source")) ? "source is required"
            : String(payload, "severity") is not ("critical" or "error" or "warning" or "info") ? "severity"
            : body.TryGetProperty("links", out var links) && links.EnumerateArray().Any(l => string.IsNullOrEmpty(String(l, "href"))) ? "links need href"
            : null;

        string? Change() =>
            String(body, "routing_key") is not { Length: 32 } ? "routing_key must have 32 characters"
            : !body.TryGetProperty("payload", out var payload) || string.IsNullOrEmpty(String(payload, "summary")) ? "payload.summary is required"
            : null;
    }

    /// <summary>A workflow with the trigger "When a Teams webhook request is received".</summary>
    private static (string?, IResult) Teams(string path, JsonElement body, int bytes)
    {
        var reason = Check();
        return (reason, reason is null ? Results.StatusCode(202) : Results.BadRequest(reason));

        string? Check()
        {
            if (bytes > 28_000)
            {
                return "message over 28 KB";
            }

            if (String(body, "type") != "message")
            {
                return "type must be message";
            }

            var attachment = body.GetProperty("attachments").EnumerateArray().Single();
            if (String(attachment, "contentType") != "application/vnd.microsoft.card.adaptive")
            {
                return "contentType";
            }

            var card = attachment.GetProperty("content");
            if (String(card, "$schema") != "http://adaptivecards.io/schemas/adaptive-card.json" || String(card, "type") != "AdaptiveCard" || String(card, "version") != "1.2")
            {
                return "not an Adaptive Card 1.2";
            }

            foreach (var element in card.GetProperty("body").EnumerateArray())
            {
                var problem = String(element, "type") switch
                {
                    "TextBlock" => string.IsNullOrEmpty(String(element, "text")) ? "TextBlock without text" : null,
                    "FactSet" => element.GetProperty("facts").EnumerateArray().Any(f => String(f, "title") is null || String(f, "value") is null) ? "fact without title or value" : null,
                    var other => $"element {other}",
                };
                if (problem is not null)
                {
                    return problem;
                }
            }

            return card.GetProperty("actions").EnumerateArray().Any(a => String(a, "type") != "Action.OpenUrl" || String(a, "url") is null) ? "only Action.OpenUrl with url" : null;
        }
    }

    private static string? String(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
