using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.WebConsole.Access;

/// <summary>
/// Signing in gives a cookie, encrypted and expiring: with the name and hash of an API key, or with what the provider said of a person as far as grants ask for it.
/// What either may do is read from the configuration with every request: a key that is taken away, a grant that is changed, ends or changes its sessions.
/// </summary>
internal sealed class PageSession(IDataProtectionProvider protection, CurrentConfiguration configuration, TimeProvider time)
{
    public const string Cookie = "monitoring-session";

    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    private readonly IDataProtector _protector = protection.CreateProtector("Monitoring.WebConsole.Session.v2");

    /// <summary>The configured key that this text is; null where it is none. Takes the same time whichever it is.</summary>
    public ApiKeyConfiguration? Find(string key)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        ApiKeyConfiguration? match = null;
        foreach (var candidate in configuration.Value.Value.Api.Keys)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, Convert.FromHexString(candidate.Sha256)))
            {
                match = candidate;
            }
        }

        return match;
    }

    public void Begin(HttpContext context, ApiKeyConfiguration key) => Begin(context, new Content(0, key.Name, key.Sha256, []), Lifetime);

    /// <summary>Begins the session of a person whom the provider vouches for.</summary>
    /// <param name="context">Request.</param>
    /// <param name="name">For people and audit.</param>
    /// <param name="claims">From <see cref="OidcGrants.Relevant"/>.</param>
    /// <param name="lifetime">Of the session.</param>
    public void Begin(HttpContext context, string name, IReadOnlyList<(string Type, string Value)> claims, TimeSpan lifetime) =>
        Begin(context, new Content(0, name, null, [.. claims.Select(c => new[] { c.Type, c.Value })]), lifetime);

    public void End(HttpContext context) => context.Response.Cookies.Delete(Cookie, new CookieOptions { Path = "/", HttpOnly = true, SameSite = SameSiteMode.Lax, Secure = IsSecure(context) });

    /// <summary>Whether the browser reached us over TLS: here, or at a proxy that ends it for api.publicUrl.</summary>
    public bool IsSecure(HttpContext context) =>
        context.Request.IsHttps || (configuration.Value.Value.Api.PublicUrl is { Scheme: "https" } url && string.Equals(context.Request.Host.Host, url.Host, StringComparison.OrdinalIgnoreCase));

    /// <summary>Who the request's session is for; null where there is none, it has expired, or its key or its person's grants are gone.</summary>
    public ClaimsIdentity? Read(HttpContext context)
    {
        if (Open(context) is not { } content || content.Expires <= time.GetUtcNow().ToUnixTimeSeconds())
        {
            return null;
        }

        var api = configuration.Value.Value.Api;
        if (content.KeySha256 is null)
        {
            if (api.Oidc is not { SignIn: not null } oidc)
            {
                return null;
            }

            var person = OidcGrants.Identity(oidc, content.Name, [.. content.Claims.Where(c => c.Length == 2).Select(c => (c[0], c[1]))], PageAuthentication.SchemeName);
            return person.HasClaim(c => c.Type == ClaimTypes.Role) ? person : null;
        }

        return api.Keys.FirstOrDefault(k => k.Sha256 == content.KeySha256 && k.Name == content.Name) is { } key
            ? PageAuthentication.Identity(key.Name, key.Roles.Select(r => r.ToString().ToLowerInvariant()), key.Models.Select(m => new Claim(Policies.ModelClaim, m)))
            : null;
    }

    /// <summary>Whether the session came by the provider, who then may have one of his own that goes on.</summary>
    public bool CameByProvider(HttpContext context) => Open(context) is { KeySha256: null };

    private void Begin(HttpContext context, Content content, TimeSpan lifetime)
    {
        var expires = time.GetUtcNow() + lifetime;
        context.Response.Cookies.Append(Cookie, _protector.Protect(JsonSerializer.Serialize(content with { Expires = expires.ToUnixTimeSeconds() })), new CookieOptions
        {
            HttpOnly = true,
            IsEssential = true,
            // Lax: a click on a link in a chat must find its reader signed in.
            SameSite = SameSiteMode.Lax,
            Secure = IsSecure(context),
            Path = "/",
            Expires = expires,
        });
    }

    private Content? Open(HttpContext context)
    {
        if (context.Request.Cookies[Cookie] is not { Length: > 0 } value)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<Content>(_protector.Unprotect(value));
        }
        catch (Exception e) when (e is CryptographicException or JsonException)
        {
            return null;
        }
    }

    /// <param name="Expires">Seconds since the epoch.</param>
    /// <param name="Name">Of the key or person.</param>
    /// <param name="KeySha256">Of the key; null for a person.</param>
    /// <param name="Claims">Type and value of each claim of a person.</param>
    private sealed record Content(long Expires, string Name, string? KeySha256, IReadOnlyList<string[]> Claims);
}
