using Microsoft.AspNetCore.Http;

namespace Monitoring.WebConsole.Markup;

/// <summary>303 See Other: after a form, the browser gets a page with GET, and reloading it does nothing twice.</summary>
internal sealed class SeeOtherResult(string path) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        HtmlResult.Secure(httpContext.Response);
        httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
        httpContext.Response.Headers.Location = path;
        return Task.CompletedTask;
    }
}
