using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Monitoring.Forensics;
using Monitoring.Hosting;
using Monitoring.Incidents;
using Monitoring.WebConsole.Access;
using Monitoring.WebConsole.Samples;

namespace Monitoring.WebConsole;

/// <summary>The pages that people hold in their hands.</summary>
public sealed class ConsoleModule : IServiceModule
{
    public string Name => "console";

    public void ConfigureServices(IServiceCollection services)
    {
        services.AddIncidents();
        services.AddAntiforgery(o =>
        {
            o.Cookie.Name = "monitoring-forms";
            o.Cookie.SameSite = SameSiteMode.Strict;
            o.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            o.FormFieldName = "token";
            // The pages say so in their Content-Security-Policy.
            o.SuppressXFrameOptionsHeader = true;
        });
        services.AddAuthentication().AddScheme<AuthenticationSchemeOptions, PageAuthentication>(PageAuthentication.SchemeName, null);
        services.AddSingleton<PageSession>();
        services.AddSingleton<ProviderSignIn>();
        services.AddSingleton<IConfigureOptions<AuthenticationOptions>>(p => p.GetRequiredService<ProviderSignIn>());
        services.AddSingleton<IConfigureOptions<OpenIdConnectOptions>>(p => p.GetRequiredService<ProviderSignIn>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IPostConfigureOptions<OpenIdConnectOptions>, OpenIdConnectPostConfigureOptions>());
        services.AddTransient<OpenIdConnectHandler>();
        services.AddSingleton<LoginThrottle>();
        services.AddSingleton<SampleReader>();
        services.AddSingleton<ExplanationReader>();
        services.AddSingleton<FeatureCurves>();
        services.AddSingleton<ConsoleMetrics>();
        services.AddSingleton<PageForms>();
        services.AddSingleton<PageEndpoints>();
        services.AddSingleton<ReviewDesk>();
        services.AddSingleton<ReviewEndpoints>();
        services.AddHostedService<ConsoleDatabase>();
    }

    public void MapEndpoints(IEndpointRouteBuilder endpoints)
    {
        // Nobody else asks for it: made, it speaks.
        endpoints.ServiceProvider.GetRequiredService<ConsoleMetrics>();
        endpoints.ServiceProvider.GetRequiredService<PageEndpoints>().Map(endpoints);
        endpoints.ServiceProvider.GetRequiredService<ReviewEndpoints>().Map(endpoints);
    }
}
