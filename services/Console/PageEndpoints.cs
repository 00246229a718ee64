using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Incidents;
using Monitoring.Storage;
using Monitoring.WebConsole.Access;
using Monitoring.WebConsole.Markup;
using Monitoring.WebConsole.Pages;
using Monitoring.WebConsole.Samples;

namespace Monitoring.WebConsole;

/// <summary>The pages and what their forms do. Every form carries a token against forgery and answers with a redirect.</summary>
internal sealed class PageEndpoints(
    IncidentQueries queries,
    IncidentActions actions,
    SampleReader samples,
    ExplanationReader explanations,
    FeatureCurves curves,
    PageSession session,
    ProviderSignIn provider,
    LoginThrottle throttle,
    IncidentLinks links,
    ClientSealer sealer,
    ClientErasure erasure,
    PageForms forms,
    LoadedConfiguration configuration,
    IEnumerable<MonitorGroupService> groups,
    IEnumerable<IResponses> responses,
    TimeProvider time)
{
    private const int MaxSamples = 6;
    private const int MaxCurves = 5;

    public void Map(IEndpointRouteBuilder endpoints)
    {
        // Pages are not part of the API: they do not appear in its description.
        var open = endpoints.MapGroup("").AllowAnonymous().ExcludeFromDescription();
        open.MapGet("/", () => Results.Redirect("/incidents"));
        open.MapGet("/console/{file}", Stylesheet.Serve);
        open.MapGet("/login", (HttpContext context) => LoginPage.Of(context, LoginPage.LocalPath(context.Request.Query["return"]), Ways, endedProvider: context.Request.Query["ended"] == "provider"));
        if (provider.Title is not null)
        {
            open.MapGet("/login/provider", (HttpContext context, string? @return) => provider.BeginAsync(context, LoginPage.LocalPath(@return)));
            open.MapGet("/logout/provider", async (HttpContext context, IOptionsMonitor<OpenIdConnectOptions> options) => await provider.EndAddressAsync(context, options).ConfigureAwait(false) is { } address
                ? Results.Redirect(address)
                : MessagePage.Of(context, StatusCodes.Status200OK, "Signed out here", "The provider has no page to sign out at, or does not answer.", "/login"));
        }

        open.MapPost("/login", LoginAsync).WithMetadata(new FormLimit(PageForms.MaxBytes));
        var anyone = endpoints.MapGroup("").RequireAuthorization(p => p.AddAuthenticationSchemes(PageAuthentication.SchemeName).RequireAssertion(_ => true)).ExcludeFromDescription();
        anyone.MapGet("/runbooks", RunbookPages.List);
        anyone.MapGet("/runbooks/{name}", RunbookPages.One);
        anyone.MapPost("/logout", LogoutAsync).WithMetadata(new FormLimit(PageForms.MaxBytes));

        var view = endpoints.MapGroup("").RequireAuthorization(p => Require(p, u => u.MayView())).ExcludeFromDescription();
        view.MapGet("/incidents", ListAsync);
        view.MapGet("/incidents/{id}", OneAsync);
        view.MapGet("/incidents/{id}/samples/{file}", SampleAsync);
        view.MapGet("/incidents/{id}/explanations/{file}", ExplanationAsync);
        view.MapGet("/models", ModelsAsync);
        view.MapGet("/models/{name}", ModelAsync);

        var respond = endpoints.MapGroup("/incidents/{id}").RequireAuthorization(p => Require(p, u => u.MayRespond())).WithMetadata(new FormLimit(PageForms.MaxBytes)).ExcludeFromDescription();
        respond.MapPost("/acknowledge", (HttpContext context, string id, CancellationToken token) => ActAsync(context, id, "acknowledged", (actor, _) => actions.AcknowledgeAsync(id, actor, token)));
        respond.MapPost("/resolve", (HttpContext context, string id, CancellationToken token) => ActAsync(context, id, "resolved", (actor, form) => actions.ResolveAsync(id, actor, form["reason"].ToString(), token)));
        respond.MapPost("/false-alarm", (HttpContext context, string id, CancellationToken token) => ActAsync(context, id, "false-alarm", (actor, form) => actions.FalseAlarmAsync(id, actor, form["reason"].ToString(), token)));
        respond.MapPost("/assign", (HttpContext context, string id, CancellationToken token) => ActAsync(context, id, "assigned", (actor, form) => actions.AssignAsync(id, actor, form["assignee"].ToString().Trim(), token)));
        respond.MapPost("/hold", (HttpContext context, string id, CancellationToken token) => ActAsync(context, id, "held", (actor, _) => actions.HoldAsync(id, actor, held: true, token)));
        respond.MapPost("/release", (HttpContext context, string id, CancellationToken token) => ActAsync(context, id, "released", (actor, _) => actions.HoldAsync(id, actor, held: false, token)));
        respond.MapPost("/note", (HttpContext context, string id, CancellationToken token) => ActAsync(context, id, "noted", async (actor, form) =>
            form["text"].ToString().Trim() is { Length: > 0 } text ? (ActOutcome?)await actions.NoteAsync(id, actor, text, token).ConfigureAwait(false) : null));
        respond.MapPost("/silence", SilenceAsync);
        respond.MapPost("/reveal", RevealAsync);
        respond.MapPost("/respond", RespondAsync);
        respond.MapPost("/lift", LiftAsync);
    }

    internal static void Require(AuthorizationPolicyBuilder policy, Func<ClaimsPrincipal, bool> may) => policy
        .AddAuthenticationSchemes(PageAuthentication.SchemeName)
        .RequireAuthenticatedUser()
        .RequireAssertion(c => may(c.User));

    /// <summary>How people may sign in.</summary>
    private LoginWays Ways => new(Keys: provider.Title is null || configuration.Value.Api.Keys.Count > 0, provider.Title);

    private async Task<IResult> LoginAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (await forms.ReadAsync(context, cancellationToken).ConfigureAwait(false) is not { } form)
        {
            return PageForms.Forged(context, "/login");
        }

        var back = LoginPage.LocalPath(form["return"]);
        if (!throttle.IsOpen)
        {
            return MessagePage.Of(context, StatusCodes.Status429TooManyRequests, "Too many wrong keys", "Wait a minute, then try again.", "/login");
        }

        var key = session.Find(form["key"].ToString().Trim());
        var mayRead = key is not null && key.Roles.Any(r => r is Role.View or Role.Respond or Role.Admin);
        await actions.RecordAsync(new Actor(key?.Name ?? "unknown", []), "session.begin", context.Connection.RemoteIpAddress?.ToString() ?? "", mayRead ? "done" : "refused", "", cancellationToken).ConfigureAwait(false);
        if (key is null || !mayRead)
        {
            throttle.Failed();
            return LoginPage.Of(context, back, Ways, key is null ? "No key of this installation is that." : "This key may only call models; people need one with the role view, respond or admin.");
        }

        session.Begin(context, key);
        return PageForms.SeeOther(back);
    }

    private async Task<IResult> LogoutAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (await forms.ReadAsync(context, cancellationToken).ConfigureAwait(false) is null)
        {
            return PageForms.Forged(context, "/incidents");
        }

        var byProvider = session.CameByProvider(context);
        session.End(context);
        return PageForms.SeeOther(byProvider ? "/login?ended=provider" : "/login");
    }

    private async Task<IResult> ListAsync(HttpContext context, string? state, string? severity, long? before, CancellationToken cancellationToken)
    {
        var chosen = state ?? "active";
        var filter = new IncidentFilter
        {
            IsOpen = chosen switch { "active" => true, "closed" => false, _ => null },
            Severity = severity switch { "harm" => Severity.Harm, "change" => Severity.Change, "record" => Severity.Record, _ => null },
            Before = before,
            Limit = 50,
        };
        var page = await queries.ListAsync(filter, Actor.Of(context.User), cancellationToken).ConfigureAwait(false);
        return IncidentListPage.Of(context, page, chosen, severity ?? "", time.GetUtcNow());
    }

    private async Task<IResult> OneAsync(HttpContext context, string id, string? done, CancellationToken cancellationToken)
    {
        if (context.Request.Query[IncidentLinks.Parameter] is [{ Length: > 0 } token])
        {
            // Out of the address, where histories and shoulders read it, into a cookie that only this incident's pages get.
            if (links.Check(id, token, time.GetUtcNow()) is { } expires)
            {
                context.Response.Cookies.Append(PageAuthentication.LinkCookie, token, new CookieOptions
                {
                    HttpOnly = true,
                    IsEssential = true,
                    SameSite = SameSiteMode.Lax,
                    Secure = session.IsSecure(context),
                    Path = $"/incidents/{Uri.EscapeDataString(id)}",
                    Expires = expires,
                });
            }

            return Results.Redirect($"/incidents/{Uri.EscapeDataString(id)}");
        }

        var actor = Actor.Of(context.User);
        if (await queries.FindAsync(id, actor, cancellationToken).ConfigureAwait(false) is not { } detail)
        {
            return NotFound(context, id);
        }

        var incident = detail.Incident;
        var findings = await queries.FindingsAsync(id, cancellationToken).ConfigureAwait(false);
        var pinned = await queries.PinnedAsync(id, MaxSamples, cancellationToken).ConfigureAwait(false);
        var rows = pinned.Select(samples.Read).ToList();
        if (rows.Any(r => r.Cells.Count > 0))
        {
            await actions.RecordAsync(actor, "evidence.read", id, "done", $"{rows.Count(r => r.Cells.Count > 0)} events on the page", cancellationToken).ConfigureAwait(false);
        }

        var strongest = findings.FirstOrDefault(f => f.Contributions.Count > 0);
        var data = new IncidentPageData(
            detail,
            findings,
            rows,
            findings.Count == 0 ? [] : await explanations.FindAsync(findings.Select(f => f.Id).ToHashSet(StringComparer.Ordinal), findings.Min(f => f.TimeUnixNano), cancellationToken).ConfigureAwait(false),
            strongest is null || rows.Any(r => r.IsImage)
                ? new Dictionary<string, FeatureCurve>(StringComparer.Ordinal)
                : await curves.ReadAsync(strongest, [.. incident.Details.Variables.Take(MaxCurves).Select(v => v.Name)], incident.SinceUnixNano, incident.LastFindingUnixNano, cancellationToken).ConfigureAwait(false),
            context.User.IsAdmin() ? await queries.AuditAsync(id, 50, cancellationToken).ConfigureAwait(false) : [],
            responses.FirstOrDefault()?.List(context.User, includeEnded: false).Where(r => r.Incident == id).ToList(),
            Done(done));
        return IncidentDetailPage.Of(context, data, time.GetUtcNow());
    }

    private async Task<IResult> SampleAsync(HttpContext context, string id, string file, CancellationToken cancellationToken)
    {
        var evidence = await EvidenceAsync(context, id, file, cancellationToken).ConfigureAwait(false);
        return Picture(context, evidence is null ? null : samples.Picture(evidence));
    }

    private async Task<IResult> ExplanationAsync(HttpContext context, string id, string file, CancellationToken cancellationToken)
    {
        var actor = Actor.Of(context.User);
        if (await queries.FindAsync(id, actor, cancellationToken).ConfigureAwait(false) is null)
        {
            return Picture(context, null);
        }

        var findings = await queries.FindingsAsync(id, cancellationToken).ConfigureAwait(false);
        var found = findings.Count == 0 ? [] : await explanations.FindAsync(findings.Select(f => f.Id).ToHashSet(StringComparer.Ordinal), findings.Min(f => f.TimeUnixNano), cancellationToken).ConfigureAwait(false);
        if (found.FirstOrDefault(e => $"{e.Id}.png" == file) is not { } explanation)
        {
            return Picture(context, null);
        }

        var evidence = await EvidenceAsync(context, id, explanation.EventId + ".png", cancellationToken).ConfigureAwait(false);
        return Picture(context, evidence is null ? null : samples.Picture(evidence, explanation));
    }

    /// <summary>A payload is what a client sent: looking at it is audited, whether it was there or not.</summary>
    private async Task<PinnedEvidence?> EvidenceAsync(HttpContext context, string id, string file, CancellationToken cancellationToken)
    {
        const string extension = ".png";
        var actor = Actor.Of(context.User);
        var eventId = file.EndsWith(extension, StringComparison.Ordinal) ? file[..^extension.Length] : "";
        var allowed = eventId.Length > 0 && await queries.ModelOfAsync(id, cancellationToken).ConfigureAwait(false) is { } model && actor.MaySee(model);
        var evidence = allowed ? await queries.EvidenceAsync(id, eventId, cancellationToken).ConfigureAwait(false) : null;
        await actions.RecordAsync(actor, "evidence.read", $"{id}/{eventId}", evidence is null ? "refused" : "done", "picture", cancellationToken).ConfigureAwait(false);
        return evidence;
    }

    private static IResult Picture(HttpContext context, byte[]? png)
    {
        HtmlResult.Secure(context.Response);
        return png is null ? Results.NotFound() : Results.Bytes(png, "image/png");
    }

    private async Task<IResult> ModelsAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var actor = Actor.Of(context.User);
        var models = configuration.Value.Models.Where(m => actor.MaySee(m.Name)).ToList();
        var open = await queries.OpenByModelAsync(actor, cancellationToken).ConfigureAwait(false);
        return ModelPages.List(context, models, [.. groups.SelectMany(g => g.Status())], open);
    }

    private async Task<IResult> ModelAsync(HttpContext context, string name, CancellationToken cancellationToken)
    {
        var actor = Actor.Of(context.User);
        if (configuration.Value.Models.FirstOrDefault(m => m.Name == name) is not { } model || !actor.MaySee(name))
        {
            return MessagePage.Of(context, StatusCodes.Status404NotFound, "No such model", "There is no model of this name, or this key is for others.", "/models");
        }

        var incidents = await queries.ListAsync(new IncidentFilter { Model = name, Limit = 100 }, actor, cancellationToken).ConfigureAwait(false);
        var precision = await queries.PrecisionAsync(actor, cancellationToken).ConfigureAwait(false);
        return ModelPages.One(context, model, [.. groups.SelectMany(g => g.Status()).Where(s => s.Model == name)], incidents.Incidents, precision, time.GetUtcNow());
    }

    private async Task<IResult> ActAsync(HttpContext context, string id, string done, Func<Actor, IFormCollection, Task<ActOutcome>> act) =>
        await ActAsync(context, id, done, async (actor, form) => (ActOutcome?)await act(actor, form).ConfigureAwait(false)).ConfigureAwait(false);

    /// <param name="context">Request.</param>
    /// <param name="id">Incident.</param>
    /// <param name="done">What the page says afterwards, see <see cref="Done"/>.</param>
    /// <param name="act">The act; null where the form lacks what it needs.</param>
    private async Task<IResult> ActAsync(HttpContext context, string id, string done, Func<Actor, IFormCollection, Task<ActOutcome?>> act)
    {
        var page = $"/incidents/{Uri.EscapeDataString(id)}";
        if (await forms.ReadAsync(context, context.RequestAborted).ConfigureAwait(false) is not { } form)
        {
            return PageForms.Forged(context, page);
        }

        return await act(Actor.Of(context.User), form).ConfigureAwait(false) switch
        {
            ActOutcome.Done => PageForms.SeeOther($"{page}?done={done}"),
            ActOutcome.NotFound => NotFound(context, id),
            ActOutcome.Forbidden => MessagePage.Of(context, StatusCodes.Status403Forbidden, "Not yours", "This key may not act on that model.", page),
            ActOutcome.NotNow => MessagePage.Of(context, StatusCodes.Status409Conflict, "Somebody was faster", "The incident is in a state in which this has no place. Look at it again.", page),
            _ => MessagePage.Of(context, StatusCodes.Status400BadRequest, "Something is missing", "The form was sent without its text.", page),
        };
    }

    private async Task<IResult> SilenceAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        var page = $"/incidents/{Uri.EscapeDataString(id)}";
        if (await forms.ReadAsync(context, cancellationToken).ConfigureAwait(false) is not { } form)
        {
            return PageForms.Forged(context, page);
        }

        var actor = Actor.Of(context.User);
        if (context.User.CameByLink())
        {
            await actions.RecordAsync(actor, "silence.create", id, "refused", "by link", cancellationToken).ConfigureAwait(false);
            return MessagePage.Of(context, StatusCodes.Status403Forbidden, "Not by a link", "A silence reaches beyond this incident: sign in.", page);
        }

        if (await queries.FindAsync(id, actor, cancellationToken).ConfigureAwait(false) is not { Incident: var incident })
        {
            return NotFound(context, id);
        }

        if (!actor.MayAct(incident.Model))
        {
            await actions.RecordAsync(actor, "silence.create", id, "refused", "Forbidden", cancellationToken).ConfigureAwait(false);
            return MessagePage.Of(context, StatusCodes.Status403Forbidden, "Not yours", "This key may not act on that model.", page);
        }

        if (!Duration.TryParse(form["for"].ToString(), out var duration) || duration <= TimeSpan.Zero || duration > TimeSpan.FromDays(365) || string.IsNullOrWhiteSpace(form["reason"]) || !Vocabulary.TryParseFamily(incident.Family, out var family))
        {
            return MessagePage.Of(context, StatusCodes.Status400BadRequest, "Something is missing", "A silence needs a duration with a unit and a reason.", page);
        }

        await actions.SilenceAsync(actor, incident.Model, incident.Client, family, duration, form["reason"].ToString(), cancellationToken).ConfigureAwait(false);
        return PageForms.SeeOther($"{page}?done=silenced");
    }

    private async Task<IResult> RevealAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        var page = $"/incidents/{Uri.EscapeDataString(id)}";
        if (await forms.ReadAsync(context, cancellationToken).ConfigureAwait(false) is not { } form)
        {
            return PageForms.Forged(context, page);
        }

        var actor = Actor.Of(context.User);
        var client = form["client"].ToString();
        var reason = form["reason"].ToString();
        var detail = await queries.FindAsync(id, actor, cancellationToken).ConfigureAwait(false);
        var known = detail is not null && actor.MayAct(detail.Incident.Model) && detail.Incident.Details.Clients.Contains(client, StringComparer.Ordinal) && !string.IsNullOrWhiteSpace(reason) && !context.User.CameByLink();
        var isErased = await erasure.IsErasedAsync(client, cancellationToken).ConfigureAwait(false);
        var name = known && !isErased ? sealer.Reveal("client", client) : null;
        await actions.RecordAsync(actor, "client.reveal", isErased ? "an erased client" : client, name is null ? "refused" : "done", reason, cancellationToken).ConfigureAwait(false);
        return name is null
            ? MessagePage.Of(context, StatusCodes.Status404NotFound, "Not revealed", "No client of this incident was sealed with this installation's key under that id, or the reason is missing.", page)
            : MessagePage.Of(context, StatusCodes.Status200OK, name, $"is the client behind {client}. That you looked is in the audit.", page);
    }

    private Task<IResult> RespondAsync(HttpContext context, string id, CancellationToken cancellationToken) => DecideAsync(
        context,
        id,
        "response.decide",
        "responded",
        (desk, form) => desk.RespondAsync(context.User, new ResponseRequest(form["action"].ToString(), Incident: id, For: form["for"].ToString(), Reason: form["reason"].ToString()), cancellationToken),
        cancellationToken);

    private Task<IResult> LiftAsync(HttpContext context, string id, CancellationToken cancellationToken) => DecideAsync(
        context,
        id,
        "response.lift",
        "lifted",
        (desk, form) => desk.LiftAsync(context.User, form["response"].ToString(), "lifted on the incident's page", cancellationToken),
        cancellationToken);

    /// <summary>A decision about clients: not by a link, and only where this process has the desk that makes them.</summary>
    private async Task<IResult> DecideAsync(HttpContext context, string id, string act, string done, Func<IResponses, IFormCollection, Task<ResponseResult>> decide, CancellationToken cancellationToken)
    {
        var page = $"/incidents/{Uri.EscapeDataString(id)}";
        if (await forms.ReadAsync(context, cancellationToken).ConfigureAwait(false) is not { } form)
        {
            return PageForms.Forged(context, page);
        }

        var actor = Actor.Of(context.User);
        if (context.User.CameByLink())
        {
            await actions.RecordAsync(actor, act, id, "refused", "by link", cancellationToken).ConfigureAwait(false);
            return MessagePage.Of(context, StatusCodes.Status403Forbidden, "Not by a link", "What is decided about clients reaches beyond this incident: sign in.", page);
        }

        if (responses.FirstOrDefault() is not { } desk)
        {
            return MessagePage.Of(context, StatusCodes.Status501NotImplemented, "Not in this process", "Decisions are made by the service alerting: use its /api/responses or the command respond.", page);
        }

        if (await queries.ModelOfAsync(id, cancellationToken).ConfigureAwait(false) is not { } model || !actor.MaySee(model))
        {
            return NotFound(context, id);
        }

        // The desk audits what it does and what it refuses.
        var result = await decide(desk, form).ConfigureAwait(false);
        return result.Outcome switch
        {
            ResponseOutcome.Done => PageForms.SeeOther($"{page}?done={done}"),
            ResponseOutcome.Forbidden => MessagePage.Of(context, StatusCodes.Status403Forbidden, "Not yours", result.Detail, page),
            ResponseOutcome.NotFound => MessagePage.Of(context, StatusCodes.Status404NotFound, "Not there", result.Detail, page),
            ResponseOutcome.Unavailable => MessagePage.Of(context, StatusCodes.Status503ServiceUnavailable, "Nothing was decided", result.Detail, page),
            _ => MessagePage.Of(context, StatusCodes.Status400BadRequest, "Nothing was decided", result.Detail, page),
        };
    }

    private static IResult NotFound(HttpContext context, string id) =>
        MessagePage.Of(context, StatusCodes.Status404NotFound, "No such incident", $"There is no incident {id}, or this key is for other models.");

    private static string Done(string? done) => done switch
    {
        "acknowledged" => "Acknowledged. Whoever was told of it has been told.",
        "resolved" => "Resolved.",
        "false-alarm" => "Closed as a false alarm; it counts against the monitor's precision.",
        "assigned" => "Assigned.",
        "held" => "The evidence is held: retention leaves it alone.",
        "released" => "The evidence is released.",
        "noted" => "Noted.",
        "silenced" => "Silenced.",
        "responded" => "Decided. It holds within a second where decisions are enforced.",
        "lifted" => "Lifted.",
        _ => "",
    };
}
