using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Hosting;

namespace Monitoring.Inference;

public sealed class InferenceModule : IServiceModule
{
    public string Name => "inference";

    public void ConfigureServices(IServiceCollection services)
    {
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
