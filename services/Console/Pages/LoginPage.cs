using Microsoft.AspNetCore.Http;
using Monitoring.WebConsole.Markup;

namespace Monitoring.WebConsole.Pages;

/// <summary>Asks for an API key.</summary>
internal static class LoginPage
{
    /// <param name="context">Request.</param>
    /// <param name="back">Path to go on to; see <see cref="LocalPath"/>.</param>
    /// <param name="problem">What was wrong with the last try; empty at the first.</param>
    public static IResult Of(HttpContext context, string back, string problem = "")
    {
        var warning = Html.If(problem.Length > 0, () => Html.Of($"<p class=\"warning\" role=\"alert\">{problem}</p>"));
        return Layout.Page(
            context,
            "Sign in",
            "",
            Html.Of(
                $"""
                <div class="card narrow">
                <h1>Sign in</h1>
                {warning}
                <form method="post" action="/login">
                {Layout.Token(context)}
                <input type="hidden" name="return" value="{back}">
                <label for="key">API key with the role view, respond or admin</label>
                <input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
                <button class="main">Sign in</button>
                </form>
                </div>
                """),
            problem.Length > 0 ? StatusCodes.Status401Unauthorized : StatusCodes.Status200OK);
    }

    /// <summary>A path on this host; anything else would send people away with a link of ours.</summary>
    public static string LocalPath(string? path) =>
        path is { Length: > 0 and < 500 } && path[0] == '/' && !path.StartsWith("//", StringComparison.Ordinal) && !path.StartsWith("/\\", StringComparison.Ordinal) && !path.Any(char.IsControl) ? path : "/incidents";
}
