using Microsoft.AspNetCore.Http;
using Monitoring.WebConsole.Markup;
using Monitoring.WebConsole.Runbooks;

namespace Monitoring.WebConsole.Pages;

/// <summary>The runbooks: open to everybody, they say nothing about this installation.</summary>
internal static class RunbookPages
{
    public static IResult List(HttpContext context) => Layout.Page(
        context,
        "Runbooks",
        "/runbooks",
        Html.Of($"<h1>Runbooks</h1><div class=\"card\"><ul class=\"list\">{Runbook.Names.Select(n => Html.Of($"<li><a href=\"/runbooks/{n}\">{n}</a></li>"))}</ul></div>"));

    public static IResult One(HttpContext context, string name) => Runbook.Find(name.EndsWith(".md", StringComparison.Ordinal) ? name[..^3] : name) is { } text
        ? Layout.Page(context, name, "/runbooks", Html.Of($"<p class=\"crumb\"><a href=\"/runbooks\">Runbooks</a></p><article class=\"card\">{Markdown.Render(text)}</article>"))
        : MessagePage.Of(context, StatusCodes.Status404NotFound, "No such runbook", $"There is no runbook named {name}.", "/runbooks");
}
