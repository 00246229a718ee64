using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>
/// Signs decisions and tells signed ones from others: HMAC-SHA256 over the message's bytes in field order with an empty
/// signature. Whoever can write to the topic but lacks the key can neither contain a client nor free one. Thread-safe.
/// </summary>
public sealed class ControlSigner
{
    private const string KeyFile = "control.key";
    private readonly List<(string Id, byte[] Key)> _keys;

    /// <param name="secret">Signs; at least 16 characters.</param>
    /// <param name="previous">Still believed, where there is one.</param>
    public ControlSigner(string secret, string? previous = null)
    {
        _keys = [Derive(secret)];
        if (previous is not null)
        {
            _keys.Add(Derive(previous));
        }
    }

    /// <summary>The signer of an installation: the configured key, or one kept in the data folder, made at the first start.</summary>
    public static ControlSigner Open(LoadedConfiguration configuration)
    {
        var controls = configuration.Value.Controls;
        return new ControlSigner(controls.SigningKey?.Read() ?? KeptSecret.Read(configuration, KeyFile), controls.PreviousSigningKey?.Read());
    }

    /// <summary>Sets key id and signature.</summary>
    public Control Sign(Control control)
    {
        control.KeyId = _keys[0].Id;
        control.Signature = ByteString.CopyFrom(Hash(_keys[0].Key, control));
        return control;
    }

    /// <summary>Whether one of the keys signed it, and nothing was changed since.</summary>
    public bool IsAuthentic(Control control)
    {
        foreach (var (id, key) in _keys)
        {
            if (id == control.KeyId)
            {
                return CryptographicOperations.FixedTimeEquals(Hash(key, control), control.Signature.Span);
            }
        }

        return false;
    }

    private static byte[] Hash(byte[] key, Control control)
    {
        var unsigned = control.Clone();
        unsigned.Signature = ByteString.Empty;
        return HMACSHA256.HashData(key, unsigned.ToByteArray());
    }

    private static (string Id, byte[] Key) Derive(string secret)
    {
        if (secret.Length < 16)
        {
            throw new ArgumentException("the key that signs controls needs at least 16 characters", nameof(secret));
        }

        var material = Encoding.UTF8.GetBytes(secret);
        var id = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, 8, info: "monitoring control key id v1"u8.ToArray());
        return (Convert.ToHexStringLower(id), HKDF.DeriveKey(HashAlgorithmName.SHA256, material, 32, info: "monitoring controls v1"u8.ToArray()));
    }
}
