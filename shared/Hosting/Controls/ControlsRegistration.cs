using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>For modules that make or enforce decisions about clients; several may ask in one process.</summary>
public static class ControlsRegistration
{
    public static IServiceCollection AddControls(this IServiceCollection services)
    {
        if (services.Any(d => d.ServiceType == typeof(ControlLedger)))
        {
            return services;
        }

        services.TryAddSingleton(provider => ControlSigner.Open(provider.GetRequiredService<LoadedConfiguration>()));
        services.AddSingleton<ControlLedger>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<ControlLedger>());
        return services;
    }
}
