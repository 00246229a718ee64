using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Monitoring.Alerting.Receivers.Webhook;

/// <summary>Signatures of Standard Webhooks 1.0.0: HMAC-SHA256 over <c>{id}.{timestamp}.{body}</c>.</summary>
internal static class WebhookSignature
{
    private const string Prefix = "whsec_";

    /// <summary>Decodes <c>whsec_</c> and base64 of 24 to 64 bytes. Throws <see cref="FormatException"/> saying what is wrong, without the secret.</summary>
    public static byte[] DecodeSecret(string secret)
    {
        var buffer = new byte[64];
        var text = secret.StartsWith(Prefix, StringComparison.Ordinal) ? secret[Prefix.Length..] : secret;
        if (!Convert.TryFromBase64String(text, buffer, out var length) || length is < 24 or > 64)
        {
            throw new FormatException("a webhook secret is whsec_ and the base64 of 24 to 64 random bytes");
        }

        return buffer[..length];
    }

    /// <summary>The value of <c>webhook-signature</c>: one <c>v1,</c> entry per key, so that receivers can change over.</summary>
    /// <param name="keys">Decoded secrets, the current one first.</param>
    /// <param name="id"><c>webhook-id</c>.</param>
    /// <param name="timestamp"><c>webhook-timestamp</c>, seconds since the epoch, of this attempt.</param>
    /// <param name="body">The raw body.</param>
    public static string Sign(IReadOnlyList<byte[]> keys, string id, long timestamp, ReadOnlySpan<byte> body)
    {
        var head = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}."));
        byte[] content = [.. head, .. body];
        return string.Join(' ', keys.Select(k => "v1," + Convert.ToBase64String(HMACSHA256.HashData(k, content))));
    }
}
