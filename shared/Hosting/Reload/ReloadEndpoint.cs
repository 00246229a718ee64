using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Monitoring.Hosting;

/// <summary><c>POST /api/reload</c>: reads the configuration again; 200 with what took effect, or 400 with every error.</summary>
internal static class ReloadEndpoint
{
    public static void MapReload(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapPost("/api/reload", async (ConfigurationReloader reloader, CancellationToken token) =>
        {
            var result = await reloader.ReloadAsync(token).ConfigureAwait(false);
            return Results.Json(result, statusCode: result.Errors.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest);
        }).RequireAuthorization(Policies.Admin).WithTags("administration")
            .WithSummary("Read the configuration again; a bad one is refused whole and the old one stays.")
            .Produces<ReloadResult>().Produces<ReloadResult>(StatusCodes.Status400BadRequest);
}
