using System.Security.Claims;
using Monitoring.Hosting;
using Monitoring.Incidents;

namespace Monitoring.WebConsole.Access;

/// <summary>What a page needs to know of its reader.</summary>
internal static class PagePrincipal
{
    /// <summary>Claim of a reader who came by a signed link: the only incident that is open to him.</summary>
    public const string IncidentClaim = "incident";

    public static bool MayView(this ClaimsPrincipal user) => user.Has(Policies.View);

    public static bool MayRespond(this ClaimsPrincipal user) => user.Has(Policies.Respond);

    /// <summary>Whether acts on this model are the reader's to do.</summary>
    public static bool MayRespond(this ClaimsPrincipal user, string model) => user.MayRespond() && Actor.Of(user).MayAct(model);

    public static bool IsAdmin(this ClaimsPrincipal user) => user.IsInRole(Policies.Admin);

    public static bool CameByLink(this ClaimsPrincipal user) => user.HasClaim(c => c.Type == IncidentClaim);
}
