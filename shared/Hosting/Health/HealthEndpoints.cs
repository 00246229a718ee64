using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Monitoring.Hosting;

/// <summary><c>/health/live</c>: the process answers. <c>/health/ready</c>: 200 or 503, with every check and its reason.</summary>
internal static class HealthEndpoints
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);

    public static void MapHealth(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/health/live", () => Results.Json(new LiveView(true)))
            .AllowAnonymous().WithTags("operation").WithSummary("The process answers.").Produces<LiveView>();
        endpoints.MapGet("/health/ready", async (HttpContext context) =>
        {
            var checks = context.RequestServices.GetServices<IReadinessCheck>();
            var results = new SortedDictionary<string, string>(StringComparer.Ordinal);
            var ready = true;
            foreach (var check in checks)
            {
                var reason = await RunAsync(check, context.RequestAborted).ConfigureAwait(false);
                ready &= reason is null;
                results[check.Name] = reason ?? "ok";
            }

            return Results.Json(new ReadyView(ready, results), statusCode: ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
        }).AllowAnonymous().WithTags("operation").WithSummary("Ready for work, or 503 with what is not.").Produces<ReadyView>().Produces<ReadyView>(StatusCodes.Status503ServiceUnavailable);
    }

    private sealed record LiveView(bool Live);

    /// <param name="Ready">All checks are ok.</param>
    /// <param name="Checks">By name: ok, or why not.</param>
    private sealed record ReadyView(bool Ready, IReadOnlyDictionary<string, string> Checks);

    private static async Task<string?> RunAsync(IReadinessCheck check, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_limit);
        try
        {
            return await check.CheckAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return "did not answer within 5 s";
        }
        catch (Exception e)
        {
            // A check that fails is a reason not to be ready, whatever it threw.
            return e.Message;
        }
    }
}
