using System.Security.Claims;

namespace Monitoring.Hosting;

/// <summary>
/// What people do about clients: decide, approve, lift, list. Checks roles' models and bounds, signs, appends to
/// <c>monitoring.controls</c>, and leaves an audit row for every act, refused ones included. The service Alerting provides it in its
/// own process; other processes use its HTTP API (<c>/api/responses</c>). The caller has checked the role <c>respond</c>.
/// </summary>
public interface IResponses
{
    /// <summary>Decides about one client, or about all clients of an incident.</summary>
    Task<ResponseResult> RespondAsync(ClaimsPrincipal user, ResponseRequest request, CancellationToken cancellationToken);

    /// <summary>Turns a decision that is recorded only into one that is enforced (where <c>controls.enforce</c> allows any to be).</summary>
    Task<ResponseResult> ApproveAsync(ClaimsPrincipal user, string id, CancellationToken cancellationToken);

    /// <summary>Ends a decision now.</summary>
    Task<ResponseResult> LiftAsync(ClaimsPrincipal user, string id, string reason, CancellationToken cancellationToken);

    /// <summary>Decisions that the user may see, newest first.</summary>
    /// <param name="user">Caller.</param>
    /// <param name="includeEnded">Also the lifted and expired ones.</param>
    IReadOnlyList<ResponseView> List(ClaimsPrincipal user, bool includeEnded);
}

/// <summary>A wish to contain a client. Absent values take the defaults named.</summary>
/// <param name="Action">throttle, deny, coarsen or route.</param>
/// <param name="Client">The client's own name or its sealed id; absent with <paramref name="Incident"/>: all clients of the incident; absent with route and <paramref name="Model"/>: everybody.</param>
/// <param name="Incident">Id of the incident that it answers; its model is taken where <paramref name="Model"/> is absent.</param>
/// <param name="Model">Model; absent: all models.</param>
/// <param name="For">How long, for example <c>2h</c>; at most <c>controls.maxDuration</c>.</param>
/// <param name="Rate">throttle: calls a second (1).</param>
/// <param name="Decimals">coarsen: decimals kept, 0 for the top class only (0).</param>
/// <param name="To">route: a version of the model, <c>previous</c> (the first of its <c>versions</c>, else the fallback), or <c>fallback</c> (fallback).</param>
/// <param name="Reason">Why, for the audit.</param>
/// <param name="DryRun">Record only, whatever the configuration says.</param>
public sealed record ResponseRequest(
    string? Action,
    string? Client = null,
    string? Incident = null,
    string? Model = null,
    string? For = null,
    double? Rate = null,
    int? Decimals = null,
    string? To = null,
    string? Reason = null,
    bool? DryRun = null);

/// <summary>How an act ended.</summary>
public enum ResponseOutcome
{
    Done,

    /// <summary>The request is wrong; the detail says how and what is allowed.</summary>
    Invalid,

    NotFound,

    /// <summary>The caller may not act on that model.</summary>
    Forbidden,

    /// <summary>The event log is away: nothing was decided.</summary>
    Unavailable,
}

/// <summary>An act's outcome.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Detail">For people; empty when done.</param>
/// <param name="Responses">The decisions made or changed.</param>
public sealed record ResponseResult(ResponseOutcome Outcome, string Detail, IReadOnlyList<ResponseView> Responses);

/// <summary>A decision as people see it.</summary>
/// <param name="Id">Id.</param>
/// <param name="Action">throttle, deny, coarsen, route.</param>
/// <param name="Client">Sealed id; empty for everybody.</param>
/// <param name="Model">Model; empty for all.</param>
/// <param name="Parameter">In words: <c>1 call/s</c>, <c>2 decimals</c>, <c>to version 6</c>; empty for deny.</param>
/// <param name="State">active, expired, lifted.</param>
/// <param name="Mode">enforced, or dry-run: recorded and counted only.</param>
/// <param name="Author">Who decided; <c>policy:NAME</c> for a policy.</param>
/// <param name="Reason">Why.</param>
/// <param name="Incident">Incident answered; empty for none.</param>
/// <param name="Decided">UTC, ISO 8601.</param>
/// <param name="Expires">UTC, ISO 8601.</param>
public sealed record ResponseView(string Id, string Action, string Client, string Model, string Parameter, string State, string Mode, string Author, string Reason, string Incident, string Decided, string Expires);
