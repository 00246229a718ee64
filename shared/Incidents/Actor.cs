using System.Security.Claims;
using Monitoring.Hosting;

namespace Monitoring.Incidents;

/// <summary>Who acts.</summary>
/// <param name="Name">Name of the person or key, for audit and timeline.</param>
/// <param name="Models">Models the actor is limited to; empty means all.</param>
public sealed record Actor(string Name, IReadOnlyCollection<string> Models)
{
    /// <summary>Models that the actor may act on; empty means all. Those that it may see, unless grants say otherwise.</summary>
    public IReadOnlyCollection<string> ActsOn { get; init; } = Models;

    /// <summary>An incident over many models is for those who may see all.</summary>
    public bool MaySee(string model) => Models.Count == 0 || Models.Contains(model);

    /// <summary>Whether acts on a model are the actor's to do, where its role allows acts at all.</summary>
    public bool MayAct(string model) => ActsOn.Count == 0 || ActsOn.Contains(model);

    /// <summary>The caller of a request: an admin is limited to nothing.</summary>
    public static Actor Of(ClaimsPrincipal user)
    {
        var actsOn = user.LimitedTo(Policies.Respond) ?? (IReadOnlyCollection<string>)[];
        return new Actor(
            user.Identity?.Name ?? user.FindFirst("sub")?.Value ?? "unknown",
            user.Has(Policies.View) ? user.LimitedTo(Policies.View) ?? (IReadOnlyCollection<string>)[] : actsOn)
        {
            ActsOn = actsOn,
        };
    }
}
