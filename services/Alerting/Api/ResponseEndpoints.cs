using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Monitoring.Hosting;

namespace Monitoring.Alerting.Api;

/// <summary>The HTTP API of containment: <c>/api/responses</c>.</summary>
internal static class ResponseEndpoints
{
    private const long MaxBody = 16 * 1024;

    public static void MapResponses(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/api/responses", (bool? all, ClaimsPrincipal user, IResponses responses) => responses.List(user, all == true))
            .RequireAuthorization(Policies.View).WithTags("responses").WithSummary("Decisions about clients, newest first; with `all` the ended ones too.").Produces<IReadOnlyList<ResponseView>>();

        var respond = endpoints.MapGroup("/api/responses").RequireAuthorization(Policies.Respond).WithTags("responses").WithMetadata(new BodyLimit(MaxBody));
        respond.MapPost("/", async (ResponseRequest body, ClaimsPrincipal user, IResponses responses, CancellationToken token) =>
            Answer(await responses.RespondAsync(user, body, token).ConfigureAwait(false), StatusCodes.Status201Created)).WithSummary("Throttle, deny, coarsen or route a client for a time. Recorded only, unless controls.enforce.").AddAnswers().Produces<IReadOnlyList<ResponseView>>(StatusCodes.Status201Created);
        respond.MapPost("/{id}/approve", async (string id, ClaimsPrincipal user, IResponses responses, CancellationToken token) =>
            Answer(await responses.ApproveAsync(user, id, token).ConfigureAwait(false), StatusCodes.Status200OK)).WithSummary("Enforce a decision that was recorded only.").AddAnswers().Produces<IReadOnlyList<ResponseView>>();
        respond.MapPost("/{id}/lift", async (string id, ReasonRequest? body, ClaimsPrincipal user, IResponses responses, CancellationToken token) =>
            Answer(await responses.LiftAsync(user, id, body?.Reason ?? "", token).ConfigureAwait(false), StatusCodes.Status200OK)).WithSummary("End a decision now.").AddAnswers().Produces<IReadOnlyList<ResponseView>>();
    }

    private static RouteHandlerBuilder AddAnswers(this RouteHandlerBuilder builder) => builder
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);

    private static IResult Answer(ResponseResult result, int done) => result.Outcome switch
    {
        ResponseOutcome.Done => Results.Json(result.Responses, statusCode: done),
        ResponseOutcome.Invalid => Results.Problem(result.Detail, statusCode: StatusCodes.Status400BadRequest),
        ResponseOutcome.NotFound => Results.Problem(result.Detail, statusCode: StatusCodes.Status404NotFound),
        ResponseOutcome.Forbidden => Results.Problem(result.Detail, statusCode: StatusCodes.Status403Forbidden),
        _ => Results.Problem(result.Detail, statusCode: StatusCodes.Status503ServiceUnavailable),
    };
}
