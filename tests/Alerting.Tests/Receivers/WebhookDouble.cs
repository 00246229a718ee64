using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
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
/// A receiver that takes Standard Webhooks at its word: verifies the signature, the time and the form of the body, and drops ids it has
/// accepted. Written from the specification, not from the sender.
/// </summary>
internal sealed class WebhookDouble : IAsyncDisposable
{
    public const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, JsonElement> _accepted = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Call> _calls = new();

    private WebhookDouble(WebApplication app) => _app = app;

    /// <summary>What to answer instead of accepting; null accepts.</summary>
    public Func<Call, IResult?>? Answer { get; set; }

    /// <summary>Awaited before anything else, to be slow or to hang.</summary>
    public Func<Call, CancellationToken, Task>? Before { get; set; }

    public string Url { get; private set; } = "";

    public IReadOnlyList<Call> Calls => [.. _calls];

    /// <summary>Bodies by id; a second acceptance of an id is a violation, not an entry.</summary>
    public IReadOnlyDictionary<string, JsonElement> Accepted => _accepted;

    public ConcurrentQueue<string> AcceptedOrder { get; } = new();

    /// <summary>Ids sent again after they were accepted.</summary>
    public ConcurrentQueue<string> Repeated { get; } = new();

    /// <summary>Departures from the specification.</summary>
    public ConcurrentQueue<string> Violations { get; } = new();

    public static async Task<WebhookDouble> StartAsync(string? url = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(url ?? "http://127.0.0.1:0");
        var app = builder.Build();
        var receiver = new WebhookDouble(app);
        // As a Delegate: else it binds to RequestDelegate and the result is dropped.
        app.MapPost("/hook", (Delegate)receiver.ReceiveAsync);
        await app.StartAsync();
        receiver.Url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/hook";
        return receiver;
    }

    public string Yaml(string name = "hook", string severity = "change", string extra = "") => $$"""
        - name: {{name}}
          severity: {{severity}}
          allowPrivateAddresses: true
          {{extra}}
          webhook: { url: "{{Url}}", secret: "env:MONITORING_TEST_WEBHOOK_SECRET" }
        """;

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task<IResult> ReceiveAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var body = await reader.ReadToEndAsync(context.RequestAborted);
        var headers = context.Request.Headers;
        var call = new Call(headers["webhook-id"].ToString(), headers["webhook-timestamp"].ToString(), headers["webhook-signature"].ToString(), body);
        _calls.Enqueue(call);
        if (Before is { } before)
        {
            await before(call, context.RequestAborted);
        }

        Check(call);
        if (Answer?.Invoke(call) is { } answer)
        {
            return answer;
        }

        if (_accepted.TryAdd(call.Id, JsonDocument.Parse(body).RootElement))
        {
            AcceptedOrder.Enqueue(call.Id);
        }
        else
        {
            Repeated.Enqueue(call.Id);
            if (_accepted[call.Id].GetRawText() != body)
            {
                Violations.Enqueue($"{call.Id} came again with another body");
            }
        }

        return Results.NoContent();
    }

    private void Check(Call call)
    {
        var key = Convert.FromBase64String(Secret["whsec_".Length..]);
        var signature = "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{call.Id}.{call.Timestamp}.{call.Body}")));
        Demand(call.Signature.Split(' ').Contains(signature, StringComparer.Ordinal), "signature does not verify");
        Demand(call.Id.Length > 0, "no id");
        Demand(long.TryParse(call.Timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out _), "timestamp is not seconds");
        Demand(Encoding.UTF8.GetByteCount(call.Body) < 20_000, "body is not below 20 kB");
        var root = JsonDocument.Parse(call.Body).RootElement;
        Demand(root.GetProperty("type").GetString()!.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.'), "type has other characters");
        Demand(DateTimeOffset.TryParse(root.GetProperty("timestamp").GetString(), CultureInfo.InvariantCulture, DateTimeStyles.None, out _), "timestamp is not ISO 8601");
        Demand(root.GetProperty("data").ValueKind == JsonValueKind.Object, "data is not an object");

        void Demand(bool condition, string what)
        {
            if (!condition)
            {
                Violations.Enqueue(what);
            }
        }
    }

    internal sealed record Call(string Id, string Timestamp, string Signature, string Body)
    {
        public JsonElement Data => JsonDocument.Parse(Body).RootElement.GetProperty("data");
    }
}
