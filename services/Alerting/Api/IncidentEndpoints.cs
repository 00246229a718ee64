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
        view.MapGet("/incidents", ListAsync).WithSummary("Incidents, newest first; `before` of one page is `next` of the one before.").Produces<IncidentPage>().ProducesProblem(StatusCodes.Status400BadRequest);
        view.MapGet("/incidents/{id}", FindAsync).WithSummary("One incident with findings, notes, messages, members, changes near its start and pinned evidence.").Produces<IncidentDetailView>().ProducesProblem(StatusCodes.Status404NotFound);
        view.MapGet("/incidents/{id}/evidence/{eventId}", EvidenceAsync).WithSummary("A pinned event as it was in the log (protobuf InferenceEvent), its SHA-256 in x-sha256. Audited.").Produces<byte[]>(StatusCodes.Status200OK, "application/protobuf").ProducesProblem(StatusCodes.Status404NotFound);
        view.MapGet("/monitors/precision", (ClaimsPrincipal user, IncidentQueries queries, CancellationToken token) => queries.PrecisionAsync(Actor.Of(user), token)).WithSummary("How often each monitor was right, by people's verdicts.").Produces<IReadOnlyList<PrecisionView>>();
        view.MapGet("/silences", (IncidentQueries queries, TimeProvider time, CancellationToken token) => queries.SilencesAsync(UnixNano.Now(time), token)).WithSummary("Silences that have not ended.").Produces<IReadOnlyList<SilenceView>>();

        var respond = endpoints.MapGroup("/api").RequireAuthorization(Policies.Respond).WithTags("incidents").WithMetadata(new BodyLimit(MaxBody));
        respond.MapPost("/incidents/{id}/acknowledge", async (string id, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            Answer(id, await actions.AcknowledgeAsync(id, Actor.Of(user), token).ConfigureAwait(false))).WithSummary("Somebody looks at it.").AddActAnswers();
        respond.MapPost("/incidents/{id}/resolve", async (string id, ReasonRequest? body, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            Answer(id, await actions.ResolveAsync(id, Actor.Of(user), body?.Reason ?? "", token).ConfigureAwait(false))).WithSummary("It is over; its monitors arm again.").AddActAnswers();
        respond.MapPost("/incidents/{id}/false-alarm", async (string id, ReasonRequest? body, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            Answer(id, await actions.FalseAlarmAsync(id, Actor.Of(user), body?.Reason ?? "", token).ConfigureAwait(false))).WithSummary("It was nothing; counts against the monitors' precision.").AddActAnswers();
        respond.MapPost("/incidents/{id}/note", async (string id, NoteRequest body, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            string.IsNullOrWhiteSpace(body.Text) ? Bad("text must not be empty") : Answer(id, await actions.NoteAsync(id, Actor.Of(user), body.Text, token).ConfigureAwait(false))).WithSummary("Write something down about it.").AddActAnswers();
        respond.MapPost("/incidents/{id}/assign", async (string id, AssignRequest body, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            Answer(id, await actions.AssignAsync(id, Actor.Of(user), body.Assignee ?? "", token).ConfigureAwait(false))).WithSummary("Who looks after it.").AddActAnswers();
        respond.MapPost("/incidents/{id}/hold", async (string id, HoldRequest body, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            Answer(id, await actions.HoldAsync(id, Actor.Of(user), body.Held, token).ConfigureAwait(false))).WithSummary("Keep it, and what it pinned, from retention and erasure; or let it go.").AddActAnswers();
        respond.MapPost("/silences", SilenceAsync).WithSummary("Matching incidents send no messages for a time; empty fields match everything.").Produces<SilenceCreated>(StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status400BadRequest);
        respond.MapDelete("/silences/{id:long}", async (long id, ClaimsPrincipal user, IncidentActions actions, CancellationToken token) =>
            await actions.EndSilenceAsync(Actor.Of(user), id, token).ConfigureAwait(false) ? Results.NoContent() : Missing($"no running silence {id}")).WithSummary("End a silence now.").Produces(StatusCodes.Status204NoContent).ProducesProblem(StatusCodes.Status404NotFound);

        respond.MapPost("/clients/{id}/reveal", RevealAsync).WithSummary("The name behind a sealed client id. Needs a reason; audited.").Produces<RevealedClient>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound);

        var admin = endpoints.MapGroup("/api").RequireAuthorization(Policies.Admin).WithTags("administration");
        admin.MapGet("/audit", (string? target, int? limit, IncidentQueries queries, CancellationToken token) => queries.AuditAsync(target, limit, token)).WithSummary("What people and keys did, newest first, refusals included.").Produces<IReadOnlyList<AuditView>>();
        admin.MapPost("/erasures", EraseAsync).WithSummary("Erase a client: a subject's request. Refused while an incident about it is held, unless forced; audited without naming the client.").Produces<ErasureView>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status409Conflict);
        admin.MapPost("/receivers/{name}/test", TestAsync).WithSummary("Send one test message.").Produces<ReceiverTestView>().ProducesProblem(StatusCodes.Status404NotFound);
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
    private static async Task<IResult> RevealAsync(string id, ReasonRequest body, ClaimsPrincipal user, ClientSealer sealer, ClientErasure erasure, IncidentQueries queries, IncidentActions actions, CancellationToken token)
    {
        if (string.IsNullOrWhiteSpace(body.Reason))
        {
            return Bad("reason must not be empty: it is kept in the audit");
        }

        // Who asks for an erased one writes its id down no more.
        var isErased = await erasure.IsErasedAsync(id, token).ConfigureAwait(false);
        var actor = Actor.Of(user);
        var client = isErased || !await queries.MayRevealAsync(id, actor, token).ConfigureAwait(false) ? null : sealer.Reveal("client", id);
        await actions.RecordAsync(actor, "client.reveal", isErased ? "an erased client" : id, client is null ? "refused" : "done", body.Reason, token).ConfigureAwait(false);
        return client is null ? Missing("no client id sealed with this installation's key, one that was erased, or one that no incident of this key's models names") : Results.Ok(new RevealedClient(id, client));
    }

    private static async Task<IResult> EraseAsync(ErasureRequest body, ClaimsPrincipal user, ClientErasure erasure, CancellationToken token)
    {
        if (string.IsNullOrWhiteSpace(body.Client) || string.IsNullOrWhiteSpace(body.Reason))
        {
            return Bad("client and reason must not be empty: the reason is kept in the audit");
        }

        var result = await erasure.EraseAsync(body.Client, Actor.Of(user), body.Reason, body.Force == true, token).ConfigureAwait(false);
        return result.HeldBy.Count > 0 ? Results.Problem($"held by {string.Join(", ", result.HeldBy)}: release them, or force", statusCode: StatusCodes.Status409Conflict) : Results.Ok(result);
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
        if (!actor.MayAct(body.Model ?? ""))
        {
            await actions.RecordAsync(actor, "silence.create", body.Model ?? "", "refused", "Forbidden", token).ConfigureAwait(false);
            return Results.Problem("this key may not silence that model", statusCode: StatusCodes.Status403Forbidden);
        }

        var id = await actions.SilenceAsync(actor, body.Model ?? "", body.Client ?? "", family, duration, body.Reason ?? "", token).ConfigureAwait(false);
        return Results.Created(string.Create(CultureInfo.InvariantCulture, $"/api/silences/{id}"), new SilenceCreated(id));
    }

    private static async Task<IResult> TestAsync(string name, ClaimsPrincipal user, ReceiverTest test, IncidentActions actions, CancellationToken token)
    {
        var result = await test.SendAsync(name, token).ConfigureAwait(false);
        await actions.RecordAsync(Actor.Of(user), "receiver.test", name, result is null ? "refused" : "done", result?.Detail ?? "", token).ConfigureAwait(false);
        return result is null ? Missing($"no receiver {name}")
            : Results.Ok(new ReceiverTestView(name, result.Outcome == DeliveryOutcome.Delivered, result.Detail));
    }

    private static void AddActAnswers(this RouteHandlerBuilder builder) => builder
        .Produces(StatusCodes.Status204NoContent)
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status409Conflict);

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
