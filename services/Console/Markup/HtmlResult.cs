using System.Text;
using Microsoft.AspNetCore.Http;

namespace Monitoring.WebConsole.Markup;

/// <summary>
/// A page. Its Content-Security-Policy allows no script at all: everything works without, and what a client sent cannot run.
/// </summary>
internal sealed class HtmlResult(Html page, int status) : IResult
{
    public const string ContentSecurityPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        Secure(response);
        response.StatusCode = status;
        response.ContentType = "text/html; charset=utf-8";
        return response.WriteAsync(page.ToString(), Encoding.UTF8, httpContext.RequestAborted);
    }

    /// <summary>Headers of everything that is about incidents: not cached, not framed, not guessed at, not told to other sites.</summary>
    public static void Secure(HttpResponse response)
    {
        response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Referrer-Policy"] = "same-origin";
        response.Headers["Cross-Origin-Opener-Policy"] = "same-origin";
        response.Headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()";
        response.Headers.CacheControl = "no-store";
    }
}
