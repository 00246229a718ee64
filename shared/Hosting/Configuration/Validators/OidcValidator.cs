namespace Monitoring.Hosting.Configuration;

/// <summary>Checks sign-in by a provider: what would fail at the first person, or let somebody in by another way than meant.</summary>
internal sealed class OidcValidator : IConfigurationValidator
{
    public void Validate(LoadedConfiguration configuration, ValidationReport report)
    {
        var api = configuration.Value.Api;
        if (api.Oidc is not { } oidc)
        {
            return;
        }

        if (oidc.Authority is { Scheme: "http", IsLoopback: false })
        {
            report.Error("api.oidc.authority", $"'{oidc.Authority}' must be https: whoever is on the way could sign anybody in");
        }

        if (oidc.Audience.Length == 0 && oidc.SignIn is null)
        {
            report.Error("api.oidc", "says nothing to check: set audience (tokens at the API), signIn (people on the pages) or both");
        }

        for (var i = 0; i < oidc.Grants.Count; i++)
        {
            var grant = oidc.Grants[i];
            if (grant.Roles.Contains(Role.Admin) && grant.Models.Count > 0)
            {
                report.Error($"api.oidc.grants[{i}].models", "an admin is not limited to models: give respond and view instead, or no models");
            }

            foreach (var model in grant.Models.Where(m => configuration.Value.Models.All(c => c.Name != m)))
            {
                report.Warning($"api.oidc.grants[{i}].models", $"there is no model '{model}'");
            }
        }

        if (oidc.SignIn is not { } signIn)
        {
            return;
        }

        if (!signIn.Scopes.Contains("openid", StringComparer.Ordinal))
        {
            report.Error("api.oidc.signIn.scopes", "openid is missing: without it the provider vouches for nobody");
        }

        if (signIn.Session < TimeSpan.FromMinutes(5) || signIn.Session > TimeSpan.FromDays(7))
        {
            report.Error("api.oidc.signIn.session", "allowed: 5m to 7d");
        }

        if (oidc.Audience.Length > 0 && oidc.Audience == signIn.ClientId)
        {
            report.Warning("api.oidc.audience", "is the clientId of signIn: a person's ID token would open the API too; give the API an audience of its own");
        }

        if (api.PublicUrl is null)
        {
            report.Warning("api.oidc.signIn", "the provider sends people back to the host that their browser named: set api.publicUrl, whose /login/callback is registered there");
        }
        else if (api.PublicUrl is { Scheme: "http", IsLoopback: false })
        {
            report.Warning("api.publicUrl", $"people sign in at {api.PublicUrl} without TLS: their sessions can be read on the way");
        }
    }
}
