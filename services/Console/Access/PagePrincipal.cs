using System.Security.Claims;
using Monitoring.Hosting;

namespace Monitoring.WebConsole.Access;

/// <summary>What a page needs to know of its reader.</summary>
internal static class PagePrincipal
{
    /// <summary>Claim of a reader who came by a signed link: the only incident that is open to him.</summary>
    public const string IncidentClaim = "incident";

    public static bool MayView(this ClaimsPrincipal user) => user.IsInRole(Policies.View) || user.IsInRole(Policies.Admin);

    public static bool MayRespond(this ClaimsPrincipal user) => user.IsInRole(Policies.Respond) || user.IsInRole(Policies.Admin);

    public static bool IsAdmin(this ClaimsPrincipal user) => user.IsInRole(Policies.Admin);

    public static bool CameByLink(this ClaimsPrincipal user) => user.HasClaim(c => c.Type == IncidentClaim);
}
