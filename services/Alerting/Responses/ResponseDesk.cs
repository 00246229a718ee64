using System.Globalization;
using System.Security.Claims;
using Microsoft.EntityFrameworkCore;
using Monitoring.Alerting.Incidents;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;
using Action = Monitoring.Contracts.Action;

namespace Monitoring.Alerting.Responses;

/// <summary>
/// Decisions about clients, by people and by policies. The signed record on the log is the decision and names its author; audit and the
/// note on the incident follow it. So a crash between the two leaves a decision that says who took it, never an audit of one that was not taken.
/// </summary>
internal sealed class ResponseDesk(
    ControlLedger ledger,
    ClientSealer sealer,
    MonitoringDatabase database,
    AlertingSettings settings,
    AlertingMetrics metrics,
    TimeProvider time) : IResponses
{
    private const int MaxText = 1000;
    private const int MaxClient = 512;

    private ControlsConfiguration Controls => settings.Configuration.Controls;

    public async Task<ResponseResult> RespondAsync(ClaimsPrincipal user, ResponseRequest request, CancellationToken cancellationToken)
    {
        var actor = Actor.Of(user);
        var incident = request.Incident is { Length: > 0 } id
            ? await database.ReadAsync((context, token) => context.Incidents.FirstOrDefaultAsync(i => i.Id == id, token), cancellationToken).ConfigureAwait(false)
            : null;
        if (request.Incident is { Length: > 0 } && incident is null)
        {
            return Failed(ResponseOutcome.NotFound, $"no incident {request.Incident}");
        }

        var model = request.Model is { Length: > 0 } named ? named : incident?.Model ?? "";
        if (Refuse(request, incident, model, out var draft, out var clients) is { } reason)
        {
            return Failed(ResponseOutcome.Invalid, reason);
        }

        if (!actor.MayAct(model))
        {
            await AuditAsync(actor.Name, $"response.{request.Action}", model.Length > 0 ? model : "*", "refused", "Forbidden", cancellationToken).ConfigureAwait(false);
            return Failed(ResponseOutcome.Forbidden, "this key may not act on that model");
        }

        draft.Author = actor.Name;
        var controls = clients.Select(client =>
        {
            var control = draft.Clone();
            control.Id = $"ctl-{Guid.CreateVersion7(time.GetUtcNow()):N}";
            control.Client = client;
            return control;
        }).ToList();
        return await DecideAsync(controls, actor.Name, cancellationToken).ConfigureAwait(false);
    }

    public Task<ResponseResult> ApproveAsync(ClaimsPrincipal user, string id, CancellationToken cancellationToken) => ChangeAsync(
        user,
        id,
        "response.approve",
        control =>
        {
            if (!Controls.Enforce)
            {
                return "nothing is enforced here: set controls.enforce";
            }

            if (!control.DryRun)
            {
                return "it is enforced already";
            }

            control.DryRun = false;
            control.Reason = Bounded($"{control.Reason}{(control.Reason.Length > 0 ? "; " : "")}approved by {Actor.Of(user).Name}");
            return null;
        },
        cancellationToken);

    public Task<ResponseResult> LiftAsync(ClaimsPrincipal user, string id, string reason, CancellationToken cancellationToken) => ChangeAsync(
        user,
        id,
        "response.lift",
        control =>
        {
            control.Revoked = true;
            control.Author = Actor.Of(user).Name;
            control.Reason = Bounded(reason);
            return null;
        },
        cancellationToken);

    public IReadOnlyList<ResponseView> List(ClaimsPrincipal user, bool includeEnded)
    {
        var actor = Actor.Of(user);
        var now = UnixNano.Now(time);
        return [.. ledger.Current.ById.Values
            .Where(c => actor.MaySee(c.Model) && (includeEnded || IsActive(c, now)))
            .OrderByDescending(c => c.TimeUnixNano).ThenBy(c => c.Id, StringComparer.Ordinal)
            .Select(c => View(c, now))];
    }

    /// <summary>Writes decisions of one act; the ones of a policy have ids of their own, so that deciding twice is deciding once.</summary>
    public async Task<ResponseResult> DecideAsync(IReadOnlyList<Control> controls, string author, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var control in controls)
            {
                await ledger.AppendAsync(control, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is EventLogException or IOException or TimeoutException)
        {
            await AuditAsync(author, $"response.{NameOf(controls[0].Action)}", controls[0].Model, "failed", "the event log is away", cancellationToken).ConfigureAwait(false);
            return Failed(ResponseOutcome.Unavailable, $"the event log is away, nothing was decided: {e.Message}");
        }

        var now = UnixNano.Now(time);
        await database.WriteAsync(
            (context, _) =>
            {
                foreach (var control in controls)
                {
                    context.Audit.Add(Audit(author, $"response.{NameOf(control.Action)}", control.Id, "done", $"{(control.Client.Length > 0 ? $"client {control.Client}" : "everyone")} model '{control.Model}' {Describe(control)} until {UnixNano.ToIso(control.ExpiresUnixNano)} ({ModeOf(control)}) {control.Reason}".TrimEnd()));
                }

                if (controls[0].Incident.Length > 0)
                {
                    var who = controls.Count == 1 ? "its client" : string.Create(CultureInfo.InvariantCulture, $"{controls.Count} clients");
                    context.Notes.Add(new IncidentNote
                    {
                        IncidentId = controls[0].Incident,
                        TimeUnixNano = now,
                        Author = author,
                        Text = $"Response: {NameOf(controls[0].Action)} {Describe(controls[0])} for {who} until {UnixNano.ToIso(controls[0].ExpiresUnixNano)}{(controls[0].DryRun ? " (dry-run: recorded, not enforced)" : "")}".Replace("  ", " ", StringComparison.Ordinal),
                    });
                }

                return Task.CompletedTask;
            },
            cancellationToken).ConfigureAwait(false);
        foreach (var control in controls)
        {
            metrics.Response(NameOf(control.Action), author.StartsWith("policy:", StringComparison.Ordinal) ? "policy" : "person", ModeOf(control));
        }

        return new ResponseResult(ResponseOutcome.Done, "", [.. controls.Select(c => View(c, now))]);
    }

    /// <summary>Ends a decision for a reason of the product's own: its incident turned out to be nothing.</summary>
    public async Task LiftByPolicyAsync(Control control, string reason, CancellationToken cancellationToken)
    {
        var lifted = control.Clone();
        lifted.Revoked = true;
        lifted.Reason = reason;
        lifted.TimeUnixNano = Math.Max(UnixNano.Now(time), control.TimeUnixNano + 1);
        await ledger.AppendAsync(lifted, cancellationToken).ConfigureAwait(false);
        await AuditAsync(control.Author, "response.lift", control.Id, "done", reason, cancellationToken).ConfigureAwait(false);
    }

    public static string NameOf(Action action) => Vocabulary.Camel(action.ToString());

    private async Task<ResponseResult> ChangeAsync(ClaimsPrincipal user, string id, string action, Func<Control, string?> change, CancellationToken cancellationToken)
    {
        var actor = Actor.Of(user);
        var now = UnixNano.Now(time);
        if (!ledger.Current.ById.TryGetValue(id, out var known) || !actor.MayAct(known.Model) || !IsActive(known, now))
        {
            await AuditAsync(actor.Name, action, id, "refused", "NotFound", cancellationToken).ConfigureAwait(false);
            return Failed(ResponseOutcome.NotFound, $"no running response {id}");
        }

        var control = known.Clone();
        if (change(control) is { } reason)
        {
            return Failed(ResponseOutcome.Invalid, reason);
        }

        control.TimeUnixNano = Math.Max(now, known.TimeUnixNano + 1);
        try
        {
            await ledger.AppendAsync(control, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is EventLogException or IOException or TimeoutException)
        {
            await AuditAsync(actor.Name, action, id, "failed", "the event log is away", cancellationToken).ConfigureAwait(false);
            return Failed(ResponseOutcome.Unavailable, $"the event log is away, nothing was changed: {e.Message}");
        }

        await AuditAsync(actor.Name, action, id, "done", control.Reason, cancellationToken).ConfigureAwait(false);
        return new ResponseResult(ResponseOutcome.Done, "", [View(control, now)]);
    }

    /// <summary>What is wrong with a request, or the decision it asks for (but its id, client and author) and the sealed ids of the clients.</summary>
    private string? Refuse(ResponseRequest request, Incident? incident, string model, out Control draft, out IReadOnlyList<string> clients)
    {
        draft = new Control();
        clients = [];
        if (!Enum.TryParse<Action>(request.Action, ignoreCase: true, out var action) || action == Action.Unspecified || char.IsAsciiDigit(request.Action![0]))
        {
            return "action: allowed are throttle, deny, coarsen, route";
        }

        // The way back from a bad version is for everybody, and in a hurry: it needs no more than the model.
        var isForEveryone = action == Action.Route && string.IsNullOrEmpty(request.Client) && incident is null && model.Length > 0;
        if (!Duration.TryParse(request.For ?? (isForEveryone ? Duration.Format(Controls.MaxDuration) : ""), out var duration) || duration <= TimeSpan.Zero || duration > Controls.MaxDuration)
        {
            return $"for: a duration with a unit, for example 2h, at most {Duration.Format(Controls.MaxDuration)}";
        }

        var known = settings.Configuration.Models.FirstOrDefault(m => m.Name == model);
        if (model.Length > 0 && known is null)
        {
            return $"model: '{model}' is not a model; allowed: {string.Join(", ", settings.Configuration.Models.Select(m => m.Name))}";
        }

        if (request.Client is { Length: > MaxClient })
        {
            return "client: at most 512 characters";
        }

        clients = request.Client is { Length: > 0 } one ? [Sealed(one)]
            : isForEveryone ? [""]
            : incident is null ? []
            : incident.Client.Length > 0 ? [incident.Client]
            : incident.Details.Clients;
        if (clients.Count == 0)
        {
            return incident is null ? "client: is needed, or incident" : $"client: incident {incident.Id} names none, so one is needed";
        }

        var now = UnixNano.Now(time);
        draft = new Control
        {
            TimeUnixNano = now,
            Model = model,
            Action = action,
            ExpiresUnixNano = now + UnixNano.Span(duration),
            DryRun = request.DryRun == true || !Controls.Enforce,
            Reason = Bounded(request.Reason ?? ""),
            Incident = incident?.Id ?? "",
        };
        switch (action)
        {
            case Action.Throttle:
                draft.Rate = request.Rate ?? 1;
                return draft.Rate is >= 0.001 and <= 1e6 ? null : "rate: calls a second, 0.001 to 1000000";
            case Action.Coarsen:
                draft.Decimals = request.Decimals ?? 0;
                return draft.Decimals is >= 0 and <= 9 ? null : "decimals: 0 (top class only) to 9";
            case Action.Route:
                draft.Target = request.To is { Length: > 0 } to ? known is null ? to : ControlTargets.Resolve(known, to) : ControlTargets.Fallback;
                return known is not null ? ControlTargets.Refuse(known, draft.Target) is { } reason ? $"to: {reason}" : null
                    : draft.Target == ControlTargets.Fallback ? null : "to: without a model only fallback is known to every model";
            default:
                return null;
        }
    }

    /// <summary>A sealed id stays what it is; anything else is a name to be sealed. Nobody can make a text that opens with our key.</summary>
    private string Sealed(string client) => sealer.Reveal("client", client) is null ? sealer.Seal("client", client) : client;

    private static bool IsActive(Control control, long now) => !control.Revoked && control.ExpiresUnixNano > now;

    private string ModeOf(Control control) => control.DryRun || !Controls.Enforce ? "dry-run" : "enforced";

    private static string Describe(Control control) => control.Action switch
    {
        Action.Throttle => string.Create(CultureInfo.InvariantCulture, $"to {control.Rate} calls/s"),
        Action.Coarsen => control.Decimals == 0 ? "to the top class" : string.Create(CultureInfo.InvariantCulture, $"to {control.Decimals} decimals"),
        Action.Route => control.Target == ControlTargets.Fallback ? "to the fallback" : $"to version {control.Target}",
        _ => "",
    };

    private ResponseView View(Control control, long now) => new(
        control.Id,
        NameOf(control.Action),
        control.Client,
        control.Model,
        Describe(control),
        control.Revoked ? "lifted" : control.ExpiresUnixNano <= now ? "expired" : "active",
        ModeOf(control),
        control.Author,
        control.Reason,
        control.Incident,
        UnixNano.ToIso(control.TimeUnixNano),
        UnixNano.ToIso(control.ExpiresUnixNano));

    private Task AuditAsync(string actor, string action, string target, string outcome, string detail, CancellationToken cancellationToken) => database.WriteAsync(
        (context, _) =>
        {
            context.Audit.Add(Audit(actor, action, target, outcome, detail));
            return Task.CompletedTask;
        },
        cancellationToken);

    private AuditEntry Audit(string actor, string action, string target, string outcome, string detail) => new()
    {
        TimeUnixNano = UnixNano.Now(time),
        Actor = actor,
        Action = action,
        Target = target,
        Outcome = outcome,
        Detail = detail,
    };

    private static string Bounded(string text) => text.Length > MaxText ? text[..MaxText] : text;

    private static ResponseResult Failed(ResponseOutcome outcome, string detail) => new(outcome, detail, []);
}
