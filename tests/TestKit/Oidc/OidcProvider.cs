using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Monitoring.TestKit.Oidc;

/// <summary>
/// An OpenID Connect provider on loopback that is strict where the standards are (OpenID Connect Core 1.0, RFC 6749, RFC 7636, RFC 9700): registered redirect addresses to the
/// letter, code flow with PKCE S256, state and nonce demanded, codes good once, for their client, address and verifier. Everybody who comes is signed in at once as
/// <see cref="Claims"/> say. What a caller did against the rules is in <see cref="Violations"/>.
/// </summary>
public sealed class OidcProvider : IAsyncDisposable
{
    public const string ClientId = "monitoring-console";
    public const string ClientSecret = "secret-of-the-console";

    private const string KeyId = "key-1";
    private readonly RSA _key = RSA.Create(2048);
    private readonly RSA _other = RSA.Create(2048);
    private readonly ConcurrentDictionary<string, Grant> _codes = new(StringComparer.Ordinal);
    private readonly WebApplication _app;

    private OidcProvider(WebApplication app) => _app = app;

    public Uri Authority => new(_app.Urls.First());

    /// <summary>Claims of whoever signs in, <c>sub</c> among them.</summary>
    public JsonObject Claims { get; set; } = new() { ["sub"] = "u-1", ["preferred_username"] = "ann" };

    /// <summary>Addresses that the client registered.</summary>
    public ConcurrentBag<string> RedirectUris { get; } = [];

    public OidcFault Fault { get; set; }

    public ConcurrentQueue<string> Violations { get; } = new();

    /// <summary>Codes exchanged for tokens.</summary>
    public int Exchanges => _exchanges;

    private int _exchanges;

    public static async Task<OidcProvider> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var provider = new OidcProvider(builder.Build());
        provider._app.MapGet("/.well-known/openid-configuration", provider.Metadata);
        provider._app.MapGet("/jwks", provider.Keys);
        provider._app.MapGet("/authorize", provider.Authorize);
        provider._app.MapPost("/token", (Delegate)provider.TokenAsync);
        provider._app.MapGet("/end", (string? client_id, string? post_logout_redirect_uri) => client_id == ClientId ? Results.Text($"signed out; back to {post_logout_redirect_uri}") : Results.BadRequest());
        await provider._app.StartAsync();
        return provider;
    }

    /// <summary>A token for an audience, signed as ID tokens are: what a service sends to the API.</summary>
    public string AccessToken(string audience) => Sign(Payload(audience, null), _key);

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _key.Dispose();
        _other.Dispose();
    }

    private IResult Metadata() => Results.Json(new JsonObject
    {
        ["issuer"] = Issuer,
        ["authorization_endpoint"] = $"{Issuer}/authorize",
        ["token_endpoint"] = $"{Issuer}/token",
        ["jwks_uri"] = $"{Issuer}/jwks",
        ["end_session_endpoint"] = $"{Issuer}/end",
        ["response_types_supported"] = new JsonArray("code"),
        ["subject_types_supported"] = new JsonArray("public"),
        ["id_token_signing_alg_values_supported"] = new JsonArray("RS256"),
        ["code_challenge_methods_supported"] = new JsonArray("S256"),
    });

    private string Issuer => Authority.ToString().TrimEnd('/');

    private IResult Keys()
    {
        var key = _key.ExportParameters(includePrivateParameters: false);
        return Results.Json(new JsonObject
        {
            ["keys"] = new JsonArray(new JsonObject
            {
                ["kty"] = "RSA",
                ["use"] = "sig",
                ["alg"] = "RS256",
                ["kid"] = KeyId,
                ["n"] = Base64Url.EncodeToString(key.Modulus),
                ["e"] = Base64Url.EncodeToString(key.Exponent),
            }),
        });
    }

    private IResult Authorize(HttpContext context)
    {
        var query = context.Request.Query;
        string Get(string name) => query[name] is [{ } only] ? only : "";
        var redirect = Get("redirect_uri");
        if (Get("client_id") != ClientId || !RedirectUris.Contains(redirect))
        {
            // Never back to an address that nobody registered.
            return Refuse($"client '{Get("client_id")}' has not registered '{redirect}'");
        }

        foreach (var (wrong, what) in new[]
        {
            (Get("response_type") != "code", "response_type is not code"),
            (!Get("scope").Split(' ').Contains("openid"), "scope lacks openid"),
            (Get("code_challenge_method") != "S256", "PKCE with S256 is demanded"),
            (Get("code_challenge").Length != 43, "code_challenge is no SHA-256"),
            (Get("state").Length == 0, "state is missing"),
            (Get("nonce").Length == 0, "nonce is missing"),
            (Get("response_mode") is not ("" or "query"), "response_mode is not query"),
        })
        {
            if (wrong)
            {
                return Refuse(what);
            }
        }

        if (Fault == OidcFault.AccessDenied)
        {
            return Results.Redirect($"{redirect}?error=access_denied&error_description=no&state={Uri.EscapeDataString(Get("state"))}");
        }

        var code = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(24));
        _codes[code] = new Grant(redirect, Get("code_challenge"), Get("nonce"));
        return Results.Redirect($"{redirect}?code={code}&state={Uri.EscapeDataString(Get("state"))}");
    }

    private async Task<IResult> TokenAsync(HttpContext context)
    {
        if (Fault == OidcFault.TokenUnavailable)
        {
            return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
        }

        var form = await context.Request.ReadFormAsync();
        if (form["client_id"] != ClientId || form["client_secret"] != ClientSecret)
        {
            return Refuse("the client does not prove who it is", "invalid_client");
        }

        // Gone with the first try, right or wrong.
        if (form["grant_type"] != "authorization_code" || !_codes.TryRemove(form["code"].ToString(), out var grant))
        {
            return Refuse("no such code, or used before", "invalid_grant");
        }

        if (form["redirect_uri"] != grant.RedirectUri)
        {
            return Refuse("redirect_uri is not the one of the code", "invalid_grant");
        }

        if (Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString()))) != grant.Challenge)
        {
            return Refuse("code_verifier does not fit the challenge", "invalid_grant");
        }

        Interlocked.Increment(ref _exchanges);
        if (Fault == OidcFault.TokenNonsense)
        {
            return Results.Text("<html>", "text/html");
        }

        var answer = new JsonObject { ["access_token"] = "opaque", ["token_type"] = "Bearer", ["expires_in"] = 300 };
        if (Fault != OidcFault.NoIdToken)
        {
            answer["id_token"] = IdToken(grant.Nonce);
        }

        return Results.Json(answer);
    }

    private string IdToken(string nonce)
    {
        var payload = Payload(
            Fault == OidcFault.WrongAudience ? "another-client" : ClientId,
            Fault switch { OidcFault.WrongNonce => nonce + "x", OidcFault.NoNonce => null, _ => nonce });
        switch (Fault)
        {
            case OidcFault.Unsigned:
                return $"{Encode(new JsonObject { ["alg"] = "none" })}.{Encode(payload)}.";
            case OidcFault.SignedWithPublicKey:
                var body = $"{Encode(new JsonObject { ["alg"] = "HS256", ["kid"] = KeyId })}.{Encode(payload)}";
                return $"{body}.{Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.ASCII.GetBytes(_key.ExportSubjectPublicKeyInfoPem()), Encoding.ASCII.GetBytes(body)))}";
            case OidcFault.WrongKey:
                return Sign(payload, _other);
            case OidcFault.ChangedAfterSigning:
                var parts = Sign(payload, _key).Split('.');
                payload["preferred_username"] = "root";
                return $"{parts[0]}.{Encode(payload)}.{parts[2]}";
            default:
                return Sign(payload, _key);
        }
    }

    private JsonObject Payload(string audience, string? nonce)
    {
        var now = TimeProvider.System.GetUtcNow();
        var payload = Claims.DeepClone().AsObject();
        payload["iss"] = Fault == OidcFault.WrongIssuer ? "https://evil.example" : Issuer;
        payload["aud"] = audience;
        payload["iat"] = now.ToUnixTimeSeconds();
        payload["nbf"] = (Fault == OidcFault.NotYet ? now.AddMinutes(10) : Fault == OidcFault.Expired ? now.AddMinutes(-20) : now.AddMinutes(-1)).ToUnixTimeSeconds();
        payload["exp"] = (Fault == OidcFault.Expired ? now.AddMinutes(-10) : now.AddMinutes(20)).ToUnixTimeSeconds();
        if (nonce is not null)
        {
            payload["nonce"] = nonce;
        }

        return payload;
    }

    private static string Sign(JsonObject payload, RSA key)
    {
        var body = $"{Encode(new JsonObject { ["alg"] = "RS256", ["typ"] = "JWT", ["kid"] = KeyId })}.{Encode(payload)}";
        return $"{body}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(body), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
    }

    private static string Encode(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));

    private IResult Refuse(string what, string error = "invalid_request")
    {
        Violations.Enqueue(what);
        return Results.Json(new JsonObject { ["error"] = error, ["error_description"] = what }, statusCode: StatusCodes.Status400BadRequest);
    }

    private sealed record Grant(string RedirectUri, string Challenge, string Nonce);
}
