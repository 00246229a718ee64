using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>
/// API keys in <c>Authorization: Bearer KEY</c> or <c>X-Api-Key</c>, compared by hash in constant time. When neither keys nor OIDC are
/// configured every caller is <c>local</c> and admin: <c>check</c> warns of that off loopback.
/// </summary>
internal sealed class ApiKeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    CurrentConfiguration configuration) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "ApiKey";
    public const string HeaderName = "X-Api-Key";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var api = configuration.Value.Value.Api;
        if (api.Keys.Count == 0 && api.Oidc is null)
        {
            return Task.FromResult(Success("local", [Policies.Admin], []));
        }

        var key = ReadKey();
        if (key is null)
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        ApiKeyConfiguration? match = null;
        foreach (var candidate in api.Keys)
        {
            // No early exit: the time taken says nothing about which key was close.
            if (CryptographicOperations.FixedTimeEquals(hash, Convert.FromHexString(candidate.Sha256)))
            {
                match = candidate;
            }
        }

        return Task.FromResult(match is null
            ? AuthenticateResult.Fail("unknown API key")
            : Success(match.Name, match.Roles.Select(Policies.NameOf), match.Models));
    }

    private string? ReadKey()
    {
        if (Request.Headers.TryGetValue(HeaderName, out var header) && header.Count == 1)
        {
            return header[0];
        }

        const string bearer = "Bearer ";
        var authorization = Request.Headers.Authorization.ToString();

        // Three dot-separated parts are a token, which the OIDC scheme reads.
        return authorization.StartsWith(bearer, StringComparison.Ordinal) && authorization.Count(c => c == '.') != 2 ? authorization[bearer.Length..] : null;
    }

    private AuthenticateResult Success(string name, IEnumerable<string> roles, IEnumerable<string> models)
    {
        var identity = new ClaimsIdentity(SchemeName);
        identity.AddClaim(new Claim(ClaimTypes.Name, name));
        identity.AddClaims(roles.Select(r => new Claim(ClaimTypes.Role, r)));
        identity.AddClaims(models.Select(m => new Claim(Policies.ModelClaim, m)));
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName));
    }
}
