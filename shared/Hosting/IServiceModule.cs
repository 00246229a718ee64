using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Monitoring.Hosting;

/// <summary>
/// A service of the product. Each service project holds one and runs it alone; AllInOne lists them all. A module never
/// asks in which form it runs: mode and transport are decided by the host.
/// </summary>
public interface IServiceModule
{
    /// <summary>Role name for <c>--roles</c>, lower-case, for example <c>drift</c>.</summary>
    string Name { get; }

    /// <summary>Registers the module's services. Two modules must not register the same non-keyed service type.</summary>
    void ConfigureServices(IServiceCollection services);

    /// <summary>Maps the module's HTTP endpoints.</summary>
    void MapEndpoints(IEndpointRouteBuilder endpoints);
}
