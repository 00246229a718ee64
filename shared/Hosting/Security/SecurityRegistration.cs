using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

internal static class SecurityRegistration
{
    public static void AddMonitoringSecurity(this IServiceCollection services, MonitoringConfiguration configuration)
    {
        var authentication = services.AddAuthentication(ApiKeyAuthentication.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, ApiKeyAuthentication>(ApiKeyAuthentication.SchemeName, null);
        string[] schemes = [ApiKeyAuthentication.SchemeName];
        if (configuration.Api.Oidc is { } oidc)
        {
            const string bearer = "Bearer";
            schemes = [ApiKeyAuthentication.SchemeName, bearer];
            authentication.AddJwtBearer(bearer, o =>
            {
                o.Authority = oidc.Authority!.ToString();
                o.Audience = oidc.Audience;
                o.MapInboundClaims = false;
                o.TokenValidationParameters.RoleClaimType = oidc.RoleClaim;
                o.TokenValidationParameters.NameClaimType = "sub";
            });
        }

        services.AddAuthorizationBuilder()
            .AddPolicy(Policies.Publish, p => Require(p, Policies.Publish))
            .AddPolicy(Policies.View, p => Require(p, Policies.View))
            .AddPolicy(Policies.Respond, p => Require(p, Policies.Respond))
            .AddPolicy(Policies.Admin, p => Require(p, Policies.Admin));

        void Require(AuthorizationPolicyBuilder policy, string role) => policy
            .AddAuthenticationSchemes(schemes)
            .RequireAuthenticatedUser()
            .RequireAssertion(c => HasRole(c.User, role) || HasRole(c.User, Policies.Admin));
    }

    private static bool HasRole(ClaimsPrincipal user, string role) => user.IsInRole(role);
}
