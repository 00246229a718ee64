using Microsoft.AspNetCore.Http;
using Monitoring.WebConsole.Markup;

namespace Monitoring.WebConsole.Pages;

/// <summary>Asks for an API key, or sends people to the provider.</summary>
internal static class LoginPage
{
    /// <param name="context">Request.</param>
    /// <param name="back">Path to go on to; see <see cref="LocalPath"/>.</param>
    /// <param name="ways">How people may sign in.</param>
    /// <param name="problem">What was wrong with the last try; empty at the first.</param>
    /// <param name="endedProvider">A session was ended that came by the provider, whose own goes on.</param>
    public static IResult Of(HttpContext context, string back, LoginWays ways, string problem = "", bool endedProvider = false)
    {
        var ended = Html.If(endedProvider && ways.Provider is not null, () => Html.Of($"<p class=\"notice\" role=\"status\">Signed out here. The session at the provider goes on: <a href=\"/logout/provider\">sign out there too</a>.</p>"));

        // A link, not a form: the policy of our pages lets forms go nowhere else, redirects included.
        var provider = Html.If(ways.Provider is not null, () => Html.Of($"<p><a class=\"button\" href=\"/login/provider?return={Uri.EscapeDataString(back)}\">Sign in with {ways.Provider}</a></p>"));
        var key = Html.If(ways.Keys, () => Html.Of(
            $"""
            <form method="post" action="/login">
            {Layout.Token(context)}
            <input type="hidden" name="return" value="{back}">
            <label for="key">API key with the role view, respond or admin</label>
            <input id="key" name="key" type="password" autocomplete="current-password" required{(ways.Provider is null ? Html.Of($" autofocus") : Html.Empty)}>
            <button class="main">Sign in</button>
            </form>
            """));
        var warning = Html.If(problem.Length > 0, () => Html.Of($"<p class=\"warning\" role=\"alert\">{problem}</p>"));
        return Layout.Page(
            context,
            "Sign in",
            "",
            Html.Of(
                $"""
                <div class="card narrow">
                <h1>Sign in</h1>
                {warning}{ended}{provider}{key}
                </div>
                """),
            problem.Length > 0 ? StatusCodes.Status401Unauthorized : StatusCodes.Status200OK);
    }

    /// <summary>A path on this host; anything else would send people away with a link of ours.</summary>
    public static string LocalPath(string? path) =>
        path is { Length: > 0 and < 500 } && path[0] == '/' && !path.StartsWith("//", StringComparison.Ordinal) && !path.StartsWith("/\\", StringComparison.Ordinal) && !path.Any(char.IsControl) ? path : "/incidents";
}
