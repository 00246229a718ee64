using System.Security.Claims;
using Monitoring.Hosting;

namespace Monitoring.Incidents;

/// <summary>Who acts.</summary>
/// <param name="Name">Name of the person or key, for audit and timeline.</param>
/// <param name="Models">Models the actor is limited to; empty means all.</param>
public sealed record Actor(string Name, IReadOnlyCollection<string> Models)
{
    /// <summary>An incident over many models is for those who may see all.</summary>
    public bool MaySee(string model) => Models.Count == 0 || Models.Contains(model);

    /// <summary>The caller of a request: an admin is limited to nothing.</summary>
    public static Actor Of(ClaimsPrincipal user) => new(
        user.Identity?.Name ?? user.FindFirst("sub")?.Value ?? "unknown",
        user.IsInRole(Policies.Admin) ? [] : user.FindAll(Policies.ModelClaim).Select(c => c.Value).ToHashSet(StringComparer.Ordinal));
}
