using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Hosting;

namespace Monitoring.Explainer;

/// <summary>Explains findings and, on request, single events.</summary>
public sealed class ExplainerModule : IServiceModule
{
    public string Name => "explainer";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddSingleton<ModelExplainers>();
        services.AddSingleton<ExplanationStore>();
        services.AddSingleton<ExplainOnRequest>();
        services.AddHostedService<ExplainerService>();
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapPost("/api/explanations", (ExplainOnRequest.Request request, System.Security.Claims.ClaimsPrincipal user, ExplainOnRequest explain, CancellationToken token) => explain.HandleAsync(request, user, token))
            .RequireAuthorization(Policies.View)
            .WithTags("explanations")
            .WithSummary("Why the model answered so: one row of one call in the log.")
            .Produces<ExplainOnRequest.Answer>()
            .ProducesError(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound, StatusCodes.Status422UnprocessableEntity);
        endpoints.MapGet("/api/explanations/{id}/image", (string id, ExplanationStore store) =>
                store.Find(id) is { } found ? Results.File(found.Path, found.ContentType) : Results.NotFound())
            .RequireAuthorization(Policies.View)
            .WithTags("explanations")
            .WithSummary("The drawing of an explanation: a heat map, or bars.")
            .Produces<byte[]>(StatusCodes.Status200OK, "image/png", "image/svg+xml")
            .Produces(StatusCodes.Status404NotFound);
    }
}
