using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Monitoring.WebConsole.Markup;

namespace Monitoring.WebConsole.Pages;

/// <summary>The style sheet and the icon, named by their content so that browsers may keep them.</summary>
internal static class Stylesheet
{
    private const string Icon = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" height=\"32\" rx=\"7\" fill=\"#1d2126\"/><path d=\"M4 21h6l3-9 5 14 4-9h6\" fill=\"none\" stroke=\"#fff\" stroke-width=\"2.4\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/></svg>";

    private static readonly byte[] s_content = Read();

    public static string Name { get; } = $"console-{Convert.ToHexStringLower(SHA256.HashData(s_content))[..12]}.css";

    public static IResult Serve(HttpContext context, string file)
    {
        if (file == "icon.svg")
        {
            return Cached(context, Encoding.UTF8.GetBytes(Icon), "image/svg+xml");
        }

        return file == Name ? Cached(context, s_content, "text/css; charset=utf-8") : Results.NotFound();
    }

    private static IResult Cached(HttpContext context, byte[] content, string type)
    {
        context.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers.ContentSecurityPolicy = HtmlResult.ContentSecurityPolicy;
        return Results.Bytes(content, type);
    }

    private static byte[] Read()
    {
        using var stream = typeof(Stylesheet).Assembly.GetManifestResourceStream("console.css")!;
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return memory.ToArray();
    }
}
