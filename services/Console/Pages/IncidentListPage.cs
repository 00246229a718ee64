using Microsoft.AspNetCore.Http;
using Monitoring.Incidents;
using Monitoring.WebConsole.Markup;

namespace Monitoring.WebConsole.Pages;

/// <summary>Incidents, newest first.</summary>
internal static class IncidentListPage
{
    private static readonly (string Name, string State, string Severity)[] s_filters =
    [
        ("Active", "active", ""),
        ("Harm", "active", "harm"),
        ("Closed", "closed", ""),
        ("All", "", ""),
    ];

    public static IResult Of(HttpContext context, IncidentPage page, string state, string severity, DateTimeOffset now)
    {
        var filters = s_filters.Select(f =>
        {
            var current = f.State == state && f.Severity == severity ? Html.Of($" aria-current=\"true\"") : Html.Empty;
            return Html.Of($"<li><a class=\"pill\" href=\"/incidents?state={f.State}&amp;severity={f.Severity}\"{current}>{f.Name}</a></li>");
        });
        var list = page.Incidents.Count == 0
            ? Html.Of($"<div class=\"card\"><p>Nothing here. {(state == "active" ? "No incident is open." : "")}</p></div>")
            : Html.Of($"<div class=\"card\"><ul class=\"list\">{Items(page.Incidents, now)}</ul></div>");
        var next = page.Next is { } before ? Html.Of($"<p><a class=\"button\" href=\"/incidents?state={state}&amp;severity={severity}&amp;before={before}\">Older</a></p>") : Html.Empty;
        return Layout.Page(context, "Incidents", "/incidents", Html.Of($"<h1>Incidents</h1><ul class=\"filters\">{filters}</ul>{list}{next}"), live: state == "active");
    }

    /// <summary>Incidents as entries of a list.</summary>
    public static IEnumerable<Html> Items(IEnumerable<IncidentView> incidents, DateTimeOffset now) => incidents.Select(i => Html.Of(
        $"""
        <li><a class="what" href="/incidents/{Uri.EscapeDataString(i.Id)}">{i.Sentence}</a>
        <div class="meta"><span class="tag {i.Severity}">{i.Severity}</span><span>{Words.State(i.State)}</span><span>{i.Family}</span><span>{(i.IsStorm ? $"{i.MemberModels} models" : i.Model)}</span><span>{Words.Ago(now - UnixNano.ToTime(i.OpenedUnixNano))}</span>{Html.If(i.Assignee.Length > 0, () => Html.Of($"<span>{i.Assignee}</span>"))}{Html.If(i.Suppression.Length > 0, () => Html.Of($"<span>nobody told: {i.Suppression}</span>"))}</div></li>
        """));
}
