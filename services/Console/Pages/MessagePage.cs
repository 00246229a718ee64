using Microsoft.AspNetCore.Http;
using Monitoring.WebConsole.Markup;

namespace Monitoring.WebConsole.Pages;

/// <summary>A page that says one thing: not found, not allowed, too late.</summary>
internal static class MessagePage
{
    public static IResult Of(HttpContext context, int status, string title, string text, string back = "/incidents") => Layout.Page(
        context,
        title,
        "",
        Html.Of($"<div class=\"card narrow\"><h1>{title}</h1><p>{text}</p><p><a href=\"{back}\">Back</a></p></div>"),
        status);
}
