using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>
/// Links that open one incident until they expire: <c>?link=EXPIRY.MAC</c>, the MAC being HMAC-SHA256 over incident and expiry (seconds since
/// the epoch) under a key of the installation. Thread-safe.
/// </summary>
public sealed class IncidentLinks
{
    /// <summary>Name of the query parameter.</summary>
    public const string Parameter = "link";

    private readonly byte[] _key;
    private readonly TimeSpan _lifetime;
    private readonly bool _enabled;

    /// <param name="secret">At least 16 characters.</param>
    /// <param name="lifetime">Of a link.</param>
    /// <param name="role">What a link allows.</param>
    /// <param name="enabled">Whether <see cref="Query"/> makes any.</param>
    public IncidentLinks(string secret, TimeSpan lifetime, LinkRole role, bool enabled = true)
    {
        if (secret.Length < 16)
        {
            throw new ArgumentException("the key that signs links needs at least 16 characters", nameof(secret));
        }

        _key = HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret), 32, info: "monitoring incident links v1"u8.ToArray());
        _lifetime = lifetime;
        _enabled = enabled;
        Role = role;
    }

    /// <summary>What whoever has a link may do with its incident.</summary>
    public LinkRole Role { get; }

    /// <summary>The links of an installation. Where everybody may do everything, none are made.</summary>
    public static IncidentLinks Open(LoadedConfiguration configuration)
    {
        var api = configuration.Value.Api;
        return new IncidentLinks(
            api.Links.Key?.Read() ?? KeptSecret.Read(configuration, "link.key"),
            api.Links.Lifetime,
            api.Links.Role,
            api.Links.Enabled && (api.Keys.Count > 0 || api.Oidc is not null));
    }

    /// <summary>The query of a link to an incident, with its question mark; empty where links are not made.</summary>
    public string Query(string incident, DateTimeOffset now) => _enabled ? $"?{Parameter}={Token(incident, now + _lifetime)}" : "";

    /// <summary>When the token expires; null where it is not one for this incident or has expired.</summary>
    public DateTimeOffset? Check(string incident, string token, DateTimeOffset now)
    {
        var dot = token.IndexOf('.', StringComparison.Ordinal);
        if (dot < 1 || !long.TryParse(token.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) || seconds > DateTimeOffset.MaxValue.ToUnixTimeSeconds())
        {
            return null;
        }

        var expires = DateTimeOffset.FromUnixTimeSeconds(seconds);
        var expected = Encoding.ASCII.GetBytes(Token(incident, expires));
        return CryptographicOperations.FixedTimeEquals(expected, Encoding.UTF8.GetBytes(token)) && expires > now ? expires : null;
    }

    private string Token(string incident, DateTimeOffset expires)
    {
        var seconds = expires.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return $"{seconds}.{Base64Url.EncodeToString(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{incident}\n{seconds}")))}";
    }
}
