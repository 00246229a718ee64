using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Hosting;

namespace Monitoring.WebConsole;

public sealed class ConsoleModule : IServiceModule
{
    public string Name => "console";

    public void ConfigureServices(IServiceCollection services)
    {
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
    }
}
