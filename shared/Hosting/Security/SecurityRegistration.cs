using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>Who is asked who somebody is, and what the policies need.</summary>
public static class SecurityRegistration
{
    /// <summary>How long a provider may take to answer.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    internal static void AddMonitoringSecurity(this IServiceCollection services, MonitoringConfiguration configuration)
    {
        var authentication = services.AddAuthentication(ApiKeyAuthentication.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, ApiKeyAuthentication>(ApiKeyAuthentication.SchemeName, null);
        string[] schemes = [ApiKeyAuthentication.SchemeName];
        if (configuration.Api.Oidc is { Audience.Length: > 0 } oidc)
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
                Strict(o.TokenValidationParameters);
                o.RequireHttpsMetadata = !oidc.Authority.IsLoopback;
                o.BackchannelTimeout = s_patience;
                if (oidc.Grants.Count > 0)
                {
                    o.Events = new JwtBearerEvents
                    {
                        OnTokenValidated = context =>
                        {
                            var user = context.Principal!;
                            context.Principal = new ClaimsPrincipal(OidcGrants.Identity(oidc, user.FindFirst("sub")?.Value ?? "unknown", OidcGrants.Relevant(oidc, user.Claims), bearer));
                            return Task.CompletedTask;
                        },
                    };
                }
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
            .RequireAssertion(c => c.User.Has(role));
    }

    /// <summary>Signed by a key that the provider publishes, never by a shared secret or by nobody; little patience with clocks.</summary>
    public static void Strict(TokenValidationParameters parameters)
    {
        parameters.ValidAlgorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];
        parameters.ClockSkew = TimeSpan.FromMinutes(1);
    }
}
