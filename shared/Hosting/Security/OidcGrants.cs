using System.Security.Claims;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>What a person or service that a provider vouches for may do here: <c>api.oidc.grants</c>, or the roles that the token names itself.</summary>
public static class OidcGrants
{
    private static readonly string[] s_roles = [Policies.Publish, Policies.View, Policies.Respond, Policies.Admin];

    /// <summary>The claims of a token that say anything here, each once: all that a session needs to keep.</summary>
    public static IReadOnlyList<(string Type, string Value)> Relevant(OidcConfiguration oidc, IEnumerable<Claim> claims) =>
    [
        .. claims.Select(c => (c.Type, c.Value)).Distinct().Where(c => oidc.Grants.Count > 0
            ? oidc.Grants.Any(g => g.Claim == c.Type && g.Value == c.Value)
            : (c.Type == oidc.RoleClaim && s_roles.Contains(c.Value, StringComparer.Ordinal)) || c.Type == Policies.ModelClaim),
    ];

    /// <summary>Who that is here. Without a role where no grant fits.</summary>
    /// <param name="oidc">Section <c>api.oidc</c>.</param>
    /// <param name="name">For the audit.</param>
    /// <param name="claims">From <see cref="Relevant"/>.</param>
    /// <param name="scheme">Authentication type of the identity.</param>
    public static ClaimsIdentity Identity(OidcConfiguration oidc, string name, IReadOnlyList<(string Type, string Value)> claims, string scheme)
    {
        var identity = new ClaimsIdentity(scheme);
        identity.AddClaim(new Claim(ClaimTypes.Name, name));
        if (oidc.Grants.Count == 0)
        {
            identity.AddClaims(claims.Where(c => c.Type == oidc.RoleClaim).Select(c => new Claim(ClaimTypes.Role, c.Value)));
            identity.AddClaims(claims.Where(c => c.Type == Policies.ModelClaim).Select(c => new Claim(Policies.ModelClaim, c.Value)));
            return identity;
        }

        var fitting = oidc.Grants.Where(g => claims.Contains((g.Claim, g.Value))).ToList();
        foreach (var role in fitting.SelectMany(g => g.Roles).Distinct())
        {
            var granted = Policies.NameOf(role);
            identity.AddClaim(new Claim(ClaimTypes.Role, granted));

            // One grant for all models and another for some: all.
            var giving = fitting.Where(g => g.Roles.Contains(role)).ToList();
            if (giving.All(g => g.Models.Count > 0))
            {
                identity.AddClaims(giving.SelectMany(g => g.Models).Distinct(StringComparer.Ordinal).Select(m => new Claim(CallerRights.ModelsOf(granted), m)));
            }
        }

        return identity;
    }
}
