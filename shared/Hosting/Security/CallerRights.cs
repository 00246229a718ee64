using System.Security.Claims;

namespace Monitoring.Hosting;

/// <summary>
/// What a caller may do to which models. Roles are claims; models come either for all roles (<see cref="Policies.ModelClaim"/>, from keys and tokens) or for one
/// role (<see cref="ModelsOf(string)"/>, from grants), so that who responds for one model and looks at another does not respond for both.
/// </summary>
public static class CallerRights
{
    /// <summary>Type of the claim that names a model for one role.</summary>
    public static string ModelsOf(string role) => $"{Policies.ModelClaim}:{role}";

    /// <summary>Whether the caller has the role, or is admin.</summary>
    public static bool Has(this ClaimsPrincipal user, string role) => user.IsInRole(role) || user.IsInRole(Policies.Admin);

    /// <summary>Whether the caller has the role, for this model.</summary>
    public static bool May(this ClaimsPrincipal user, string role, string model) => user.Has(role) && (user.LimitedTo(role) is not { } models || models.Contains(model));

    /// <summary>Models that the caller is limited to in a role; null for no limit.</summary>
    public static IReadOnlySet<string>? LimitedTo(this ClaimsPrincipal user, string role)
    {
        if (user.IsInRole(Policies.Admin))
        {
            return null;
        }

        var models = user.FindAll(ModelsOf(role)).Concat(user.FindAll(Policies.ModelClaim)).Select(c => c.Value).ToHashSet(StringComparer.Ordinal);
        return models.Count == 0 ? null : models;
    }
}
