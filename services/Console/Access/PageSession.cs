using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.WebConsole.Access;

/// <summary>
/// Signing in with an API key gives a cookie with the key's name and hash, encrypted and expiring. What the key may do is read from the
/// configuration with every request: a key that is taken away ends its sessions.
/// </summary>
internal sealed class PageSession(IDataProtectionProvider protection, LoadedConfiguration configuration, TimeProvider time)
{
    public const string Cookie = "monitoring-session";

    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    private readonly IDataProtector _protector = protection.CreateProtector("Monitoring.WebConsole.Session.v1");

    /// <summary>The configured key that this text is; null where it is none. Takes the same time whichever it is.</summary>
    public ApiKeyConfiguration? Find(string key)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        ApiKeyConfiguration? match = null;
        foreach (var candidate in configuration.Value.Api.Keys)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, Convert.FromHexString(candidate.Sha256)))
            {
                match = candidate;
            }
        }

        return match;
    }

    public void Begin(HttpContext context, ApiKeyConfiguration key)
    {
        var expires = time.GetUtcNow() + Lifetime;
        var text = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{expires.ToUnixTimeSeconds()}\n{key.Sha256}\n{key.Name}");
        context.Response.Cookies.Append(Cookie, _protector.Protect(text), new CookieOptions
        {
            HttpOnly = true,
            IsEssential = true,
            // Lax: a click on a link in a chat must find its reader signed in.
            SameSite = SameSiteMode.Lax,
            Secure = context.Request.IsHttps,
            Path = "/",
            Expires = expires,
        });
    }

    public static void End(HttpContext context) => context.Response.Cookies.Delete(Cookie, new CookieOptions { Path = "/", HttpOnly = true, SameSite = SameSiteMode.Lax, Secure = context.Request.IsHttps });

    /// <summary>The key behind the request's session; null where there is none, it has expired or the key is gone.</summary>
    public ApiKeyConfiguration? Read(HttpContext context)
    {
        if (context.Request.Cookies[Cookie] is not { Length: > 0 } value)
        {
            return null;
        }

        string[] parts;
        try
        {
            parts = _protector.Unprotect(value).Split('\n', 3);
        }
        catch (CryptographicException)
        {
            return null;
        }

        return parts is [var expires, var hash, var name]
            && long.TryParse(expires, System.Globalization.CultureInfo.InvariantCulture, out var seconds)
            && seconds > time.GetUtcNow().ToUnixTimeSeconds()
            ? configuration.Value.Api.Keys.FirstOrDefault(k => k.Sha256 == hash && k.Name == name)
            : null;
    }
}
