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
            .RequireAuthorization(Policies.View).WithTags("responses").Produces<IReadOnlyList<ResponseView>>();

        var respond = endpoints.MapGroup("/api/responses").RequireAuthorization(Policies.Respond).WithTags("responses").WithMetadata(new BodyLimit(MaxBody));
        respond.MapPost("/", async (ResponseRequest body, ClaimsPrincipal user, IResponses responses, CancellationToken token) =>
            Answer(await responses.RespondAsync(user, body, token).ConfigureAwait(false), StatusCodes.Status201Created)).Produces<IReadOnlyList<ResponseView>>(StatusCodes.Status201Created);
        respond.MapPost("/{id}/approve", async (string id, ClaimsPrincipal user, IResponses responses, CancellationToken token) =>
            Answer(await responses.ApproveAsync(user, id, token).ConfigureAwait(false), StatusCodes.Status200OK)).Produces<IReadOnlyList<ResponseView>>();
        respond.MapPost("/{id}/lift", async (string id, ReasonRequest? body, ClaimsPrincipal user, IResponses responses, CancellationToken token) =>
            Answer(await responses.LiftAsync(user, id, body?.Reason ?? "", token).ConfigureAwait(false), StatusCodes.Status200OK)).Produces<IReadOnlyList<ResponseView>>();
    }

    private static IResult Answer(ResponseResult result, int done) => result.Outcome switch
    {
        ResponseOutcome.Done => Results.Json(result.Responses, statusCode: done),
        ResponseOutcome.Invalid => Results.Problem(result.Detail, statusCode: StatusCodes.Status400BadRequest),
        ResponseOutcome.NotFound => Results.Problem(result.Detail, statusCode: StatusCodes.Status404NotFound),
        ResponseOutcome.Forbidden => Results.Problem(result.Detail, statusCode: StatusCodes.Status403Forbidden),
        _ => Results.Problem(result.Detail, statusCode: StatusCodes.Status503ServiceUnavailable),
    };
}
