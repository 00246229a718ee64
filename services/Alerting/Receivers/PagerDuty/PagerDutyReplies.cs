using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Monitoring.Alerting.Api;
using Monitoring.Alerting.Incidents;

namespace Monitoring.Alerting.Receivers.PagerDuty;

/// <summary>
/// What people do in PagerDuty comes back: its webhook (version 3) tells of acknowledgements and resolutions. The signature in
/// <c>X-PagerDuty-Signature</c> (<c>v1=</c> and HMAC-SHA256 of the body, several while a secret changes) is the only credential.
/// </summary>
internal static class PagerDutyReplies
{
    private const int MaxBody = 256 * 1024;

    public static void MapPagerDutyReplies(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapPost("/api/receivers/{name}/pagerduty", ReceiveAsync).AllowAnonymous().WithMetadata(new BodyLimit(MaxBody)).WithTags("receivers")
            .WithSummary("PagerDuty's webhook (version 3): acknowledgements and resolutions come back; its signature is the credential.").Produces(StatusCodes.Status202Accepted);

    private static async Task<IResult> ReceiveAsync(string name, HttpRequest request, AlertingSettings settings, IncidentActions actions, CancellationToken cancellationToken)
    {
        if (settings.Configuration.Receivers.FirstOrDefault(r => r.Name == name)?.PagerDuty?.WebhookSecret is not { } secret)
        {
            return Results.NotFound();
        }

        using var buffer = new MemoryStream();
        await request.Body.CopyToAsync(buffer, cancellationToken).ConfigureAwait(false);
        var body = buffer.ToArray();
        if (!Verify(request.Headers["X-PagerDuty-Signature"].ToString(), HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret.Read()), body)))
        {
            await actions.RecordAsync(new Actor("PagerDuty", []), "receiver.reply", name, "refused", "the signature does not verify", cancellationToken).ConfigureAwait(false);
            return Results.Unauthorized();
        }

        try
        {
            using var document = JsonDocument.Parse(body);
            var change = document.RootElement.GetProperty("event");
            var data = change.GetProperty("data");
            if (data.TryGetProperty("incident_key", out var key) && key.GetString() is { Length: > 0 } incident)
            {
                var person = change.TryGetProperty("agent", out var agent) && agent.ValueKind == JsonValueKind.Object && agent.TryGetProperty("summary", out var summary) ? summary.GetString() : null;
                var actor = new Actor($"{person ?? "somebody"} (PagerDuty)", []);
                switch (change.GetProperty("event_type").GetString())
                {
                    case "incident.acknowledged":
                        await actions.AcknowledgeAsync(incident, actor, cancellationToken).ConfigureAwait(false);
                        break;
                    case "incident.resolved":
                        await actions.ResolveAsync(incident, actor, "resolved in PagerDuty", cancellationToken).ConfigureAwait(false);
                        break;
                }
            }

            return Results.Accepted();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return Results.BadRequest("not a PagerDuty webhook of version 3");
        }
    }

    private static bool Verify(string header, byte[] expected)
    {
        var valid = false;
        foreach (var entry in header.Split(',', StringSplitOptions.TrimEntries).Take(8))
        {
            var bytes = new byte[expected.Length];
            valid |= entry.Length == 3 + (expected.Length * 2) && entry.StartsWith("v1=", StringComparison.Ordinal)
                && Convert.FromHexString(entry.AsSpan(3), bytes, out _, out var written) == System.Buffers.OperationStatus.Done && written == bytes.Length
                && CryptographicOperations.FixedTimeEquals(bytes, expected);
        }

        return valid;
    }
}
