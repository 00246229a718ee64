using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.WebConsole.Access;
using Monitoring.WebConsole.Markup;

namespace Monitoring.WebConsole.Pages;

/// <summary>The frame of every page.</summary>
internal static class Layout
{
    /// <summary>How old a page that is watched may get, in seconds.</summary>
    public const int LiveSeconds = 15;

    /// <param name="context">Request.</param>
    /// <param name="title">Of the window.</param>
    /// <param name="section">Path of the navigation entry that is current; empty for none.</param>
    /// <param name="body">Content.</param>
    /// <param name="status">HTTP status.</param>
    /// <param name="live">For a page that is watched and holds nothing half typed: the browser asks for it again every <see cref="LiveSeconds"/>, without script.</param>
    public static IResult Page(HttpContext context, string title, string section, Html body, int status = StatusCodes.Status200OK, bool live = false)
    {
        var user = context.User;
        var signedIn = user.Identity is { IsAuthenticated: true };
        var nav = signedIn && !user.CameByLink()
            ? Html.Of($"<nav aria-label=\"Main\">{Entry("/incidents", "Incidents", section)}{Entry("/models", "Models", section)}{Entry("/runbooks", "Runbooks", section)}</nav>")
            : Html.Of($"<nav aria-label=\"Main\">{Entry("/runbooks", "Runbooks", section)}</nav>");
        var who = !signedIn ? Html.Empty
            : user.CameByLink() ? Html.Of($"<a class=\"who\" href=\"/login?return={Uri.EscapeDataString(context.Request.Path)}\">Sign in</a>")
            : context.Request.Cookies.ContainsKey(PageSession.Cookie) ? Html.Of($"<span class=\"who\">{user.Identity!.Name}</span><form method=\"post\" action=\"/logout\">{Token(context)}<button class=\"plain\">Sign out</button></form>")
            : Html.Of($"<span class=\"who\">{user.Identity!.Name}</span>");
        return new HtmlResult(
            Html.Of(
                $"""
                <!DOCTYPE html>
                <html lang="en">
                <head>
                <meta charset="utf-8">
                <meta name="viewport" content="width=device-width, initial-scale=1">
                <meta name="color-scheme" content="light dark">
                {Html.If(live, () => Html.Of($"<meta http-equiv=\"refresh\" content=\"{LiveSeconds}\">"))}
                <title>{title} · Monitoring</title>
                <link rel="stylesheet" href="/console/{Stylesheet.Name}">
                <link rel="icon" href="/console/icon.svg" type="image/svg+xml">
                </head>
                <body>
                <a class="skip" href="#main">To the content</a>
                <header class="bar-top"><a class="name" href="/incidents">Monitoring</a>{nav}{who}</header>
                <main id="main">
                {body}
                </main>
                </body>
                </html>
                """),
            status);
    }

    /// <summary>The hidden field without which a form is refused.</summary>
    public static Html Token(HttpContext context)
    {
        var tokens = context.RequestServices.GetRequiredService<IAntiforgery>().GetAndStoreTokens(context);
        return Html.Of($"<input type=\"hidden\" name=\"{tokens.FormFieldName}\" value=\"{tokens.RequestToken}\">");
    }

    private static Html Entry(string path, string name, string section) =>
        section == path ? Html.Of($"<a href=\"{path}\" aria-current=\"page\">{name}</a>") : Html.Of($"<a href=\"{path}\">{name}</a>");
}
