using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>
/// Seals client ids: deterministic authenticated encryption (AES-SIV, RFC 5297), so that equal ids stay equal, nobody without
/// the key learns one, and a responder with the key may reveal one. Thread-safe.
/// </summary>
public sealed class ClientSealer
{
    private const int MaxCached = 65536;
    private const string KeyFile = "client.key";
    private readonly AesSiv _siv;
    private readonly ConcurrentDictionary<(string Purpose, string Value), string> _cache = new();

    /// <param name="secret">At least 16 characters; the two AES-256 keys are derived from it by HKDF-SHA256.</param>
    public ClientSealer(string secret)
    {
        if (secret.Length < 16)
        {
            throw new ArgumentException("the key that seals client ids needs at least 16 characters", nameof(secret));
        }

        _siv = new AesSiv(HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret), 64, info: "monitoring client ids v1"u8.ToArray()));
    }

    /// <summary>The sealer of an installation: the configured key, or one kept in the data folder, made at the first start.</summary>
    public static ClientSealer Open(LoadedConfiguration configuration) => new(configuration.Value.Capture.ClientKey?.Read() ?? KeptSecret.Read(configuration, KeyFile));

    /// <summary>Seals a value for a purpose (<c>client</c>, <c>address-prefix</c>, <c>key-family</c>): URL-safe text; the same for the same value.</summary>
    public string Seal(string purpose, string value)
    {
        if (_cache.TryGetValue((purpose, value), out var known))
        {
            return known;
        }

        if (_cache.Count >= MaxCached)
        {
            _cache.Clear();
        }

        var text = System.Buffers.Text.Base64Url.EncodeToString(_siv.Seal(Encoding.UTF8.GetBytes(value), Encoding.UTF8.GetBytes(purpose)));
        _cache[(purpose, value)] = text;
        return text;
    }

    /// <summary>The value that was sealed, or null where the text was not sealed with this key for this purpose.</summary>
    public string? Reveal(string purpose, string text)
    {
        try
        {
            return _siv.Open(System.Buffers.Text.Base64Url.DecodeFromChars(text), Encoding.UTF8.GetBytes(purpose)) is { } value ? Encoding.UTF8.GetString(value) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
