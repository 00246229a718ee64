using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Monitoring.Alerting.Delivery;
using Monitoring.Alerting.Incidents;
using Monitoring.Alerting.Receivers;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Alerting.Api;

/// <summary>The HTTP API: <c>/api/incidents</c>, <c>/api/silences</c>, <c>/api/receivers</c>, <c>/api/audit</c>.</summary>
internal static class IncidentEndpoints
{
    private const long MaxBody = 64 * 1024;

    public static void MapIncidents(this IEndpointRouteBuilder endpoints)
    {
        var view = endpoints.MapGroup("/api").RequireAuthorization(Policies.View).WithTags("incidents");
        view.MapGet("/incidents", ListAsync).Produces<IncidentPage>();
        view.MapGet("/incidents/{id}", FindAsync).Produces<IncidentDetailView>();
        view.MapGet("/incidents/{id}/evidence/{eventId}", EvidenceAsync);
        view.MapGet("/monitors/precision", (ClaimsPrincipal user, IncidentQueries queries, CancellationToken token) => queries.PrecisionAsync(Actor.Of(user), token)).Produces<IReadOnlyList<PrecisionView>>();
        view.MapGet("/silences", (IncidentQueries queries, TimeProvider time, CancellationToken token) => queries.SilencesAsync(UnixNano.Now(time), token));

        var respond = endpoints.MapGroup("/api").RequireAuthorization(Policies.Respond).WithTags("incidents").WithMetadata(new BodyLimit(MaxBody));
        respond.MapPost("/incidents/{id}/acknowledge", async (string id, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            Answer(id, await actions.AcknowledgeAsync(id, Actor.Of(user), token).ConfigureAwait(false)));
        respond.MapPost("/incidents/{id}/resolve", async (string id, ReasonRequest? body, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            Answer(id, await actions.ResolveAsync(id, Actor.Of(user), body?.Reason ?? "", token).ConfigureAwait(false)));
        respond.MapPost("/incidents/{id}/false-alarm", async (string id, ReasonRequest? body, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            Answer(id, await actions.FalseAlarmAsync(id, Actor.Of(user), body?.Reason ?? "", token).ConfigureAwait(false)));
        respond.MapPost("/incidents/{id}/note", async (string id, NoteRequest body, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            string.IsNullOrWhiteSpace(body.Text) ? Bad("text must not be empty") : Answer(id, await actions.NoteAsync(id, Actor.Of(user), body.Text, token).ConfigureAwait(false)));
        respond.MapPost("/incidents/{id}/assign", async (string id, AssignRequest body, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            Answer(id, await actions.AssignAsync(id, Actor.Of(user), body.Assignee ?? "", token).ConfigureAwait(false)));
        respond.MapPost("/incidents/{id}/hold", async (string id, HoldRequest body, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            Answer(id, await actions.HoldAsync(id, Actor.Of(user), body.Held, token).ConfigureAwait(false)));
        respond.MapPost("/silences", SilenceAsync);
        respond.MapDelete("/silences/{id:long}", async (long id, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            await actions.EndSilenceAsync(Actor.Of(user), id, token).ConfigureAwait(false) ? Results.NoContent() : Missing($"no running silence {id}"));

        respond.MapPost("/clients/{id}/reveal", RevealAsync);

        var admin = endpoints.MapGroup("/api").RequireAuthorization(Policies.Admin).WithTags("administration");
        admin.MapGet("/audit", (string? target, int? limit, IncidentQueries queries, CancellationToken token) => queries.AuditAsync(target, limit, token));
        admin.MapPost("/receivers/{name}/test", TestAsync);
    }

    private static async Task<IResult> ListAsync(
        string? state, string? severity, string? family, string? model, string? client, string? parent, long? before, int? limit,
        ClaimsPrincipal user, IncidentQueries queries, CancellationToken token)
    {
        var filter = new IncidentFilter { Model = model, Client = client, Parent = parent, Before = before, Limit = limit };
        switch (state)
        {
            case null or "":
                break;
            case "closed":
                filter = filter with { IsOpen = false };
                break;
            case "active":
                filter = filter with { IsOpen = true };
                break;
            default:
                if (!Enum.TryParse<IncidentState>(state, ignoreCase: true, out var parsed) || char.IsAsciiDigit(state[0]))
                {
                    return Bad("state: allowed are open, acknowledged, resolved, falseAlarm, active (open or acknowledged), closed");
                }

                filter = filter with { State = parsed };
                break;
        }

        if (severity is { Length: > 0 })
        {
            if (!Enum.TryParse<Severity>(severity, ignoreCase: true, out var parsed) || parsed == Severity.Unspecified || char.IsAsciiDigit(severity[0]))
            {
                return Bad("severity: allowed are harm, change, record");
            }

            filter = filter with { Severity = parsed };
        }

        if (family is { Length: > 0 })
        {
            if (!Vocabulary.TryParseFamily(family, out var parsed))
            {
                return Bad("family: allowed are drift, outlier, adversarial, extraction, leakage, quality, pipeline");
            }

            filter = filter with { Family = parsed };
        }

        return Results.Ok(await queries.ListAsync(filter, Actor.Of(user), token).ConfigureAwait(false));
    }

    private static async Task<IResult> FindAsync(string id, ClaimsPrincipal user, IncidentQueries queries, CancellationToken token) =>
        await queries.FindAsync(id, Actor.Of(user), token).ConfigureAwait(false) is { } view ? Results.Ok(view) : Missing($"no incident {id}");

    /// <summary>A payload is what a client sent: reading it is audited.</summary>
    private static async Task<IResult> EvidenceAsync(string id, string eventId, ClaimsPrincipal user, IncidentQueries queries, IncidentActions actions, HttpContext context, CancellationToken token)
    {
        var actor = Actor.Of(user);
        var allowed = await queries.ModelOfAsync(id, token).ConfigureAwait(false) is { } model && actor.MaySee(model);
        var evidence = allowed ? await queries.EvidenceAsync(id, eventId, token).ConfigureAwait(false) : null;
        await actions.RecordAsync(actor, "evidence.read", $"{id}/{eventId}", evidence is null ? "refused" : "done", "", token).ConfigureAwait(false);
        if (evidence is null)
        {
            return Missing($"incident {id} has no pinned event {eventId}");
        }

        context.Response.Headers["x-sha256"] = evidence.Sha256;
        return Results.Bytes(evidence.Payload, "application/protobuf");
    }

    /// <summary>Who is behind a sealed id: with a reason, and audited whether it worked or not.</summary>
    private static async Task<IResult> RevealAsync(string id, ReasonRequest body, ClaimsPrincipal user, ClientSealer sealer, IncidentActions actions, CancellationToken token)
    {
        if (string.IsNullOrWhiteSpace(body.Reason))
        {
            return Bad("reason must not be empty: it is kept in the audit");
        }

        var client = sealer.Reveal("client", id);
        await actions.RecordAsync(Actor.Of(user), "client.reveal", id, client is null ? "refused" : "done", body.Reason, token).ConfigureAwait(false);
        return client is null ? Missing("no client id sealed with this installation's key") : Results.Ok(new { id, client });
    }

    private static async Task<IResult> SilenceAsync(SilenceRequest body, ClaimsPrincipal user, IncidentActions actions, CancellationToken token)
    {
        var family = Family.Unspecified;
        if (body.Family is { Length: > 0 } && !Vocabulary.TryParseFamily(body.Family, out family))
        {
            return Bad("family: allowed are drift, outlier, adversarial, extraction, leakage, quality, pipeline, or none for all");
        }

        if (!Duration.TryParse(body.For ?? "", out var duration) || duration <= TimeSpan.Zero || duration > TimeSpan.FromDays(365))
        {
            return Bad("for: a duration with a unit, for example 2h, at most 365d");
        }

        var actor = Actor.Of(user);
        if (!actor.MaySee(body.Model ?? ""))
        {
            await actions.RecordAsync(actor, "silence.create", body.Model ?? "", "refused", "Forbidden", token).ConfigureAwait(false);
            return Results.Problem("this key may not silence that model", statusCode: StatusCodes.Status403Forbidden);
        }

        var id = await actions.SilenceAsync(actor, body.Model ?? "", body.Client ?? "", family, duration, body.Reason ?? "", token).ConfigureAwait(false);
        return Results.Created(string.Create(CultureInfo.InvariantCulture, $"/api/silences/{id}"), new { id });
    }

    private static async Task<IResult> TestAsync(string name, ClaimsPrincipal user, ReceiverTest test, IncidentActions actions, CancellationToken token)
    {
        var result = await test.SendAsync(name, token).ConfigureAwait(false);
        await actions.RecordAsync(Actor.Of(user), "receiver.test", name, result is null ? "refused" : "done", result?.Detail ?? "", token).ConfigureAwait(false);
        return result is null ? Missing($"no receiver {name}")
            : Results.Ok(new { receiver = name, delivered = result.Outcome == DeliveryOutcome.Delivered, detail = result.Detail });
    }

    private static IResult Answer(string id, ActOutcome outcome) => outcome switch
    {
        ActOutcome.Done => Results.NoContent(),
        ActOutcome.NotFound => Missing($"no incident {id}"),
        ActOutcome.Forbidden => Results.Problem("this key may not act on that model", statusCode: StatusCodes.Status403Forbidden),
        _ => Results.Problem($"incident {id} is in a state in which this has no place", statusCode: StatusCodes.Status409Conflict),
    };

    private static IResult Missing(string detail) => Results.Problem(detail, statusCode: StatusCodes.Status404NotFound);

    private static IResult Bad(string detail) => Results.Problem(detail, statusCode: StatusCodes.Status400BadRequest);
}
