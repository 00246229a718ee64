using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Monitoring.Adversarial;

/// <summary>The secret behind fingerprints and hashes of exact repeats: an HMAC-SHA-256 key from which everything else is drawn.</summary>
internal sealed class FingerprintKey
{
    private readonly byte[] _key;

    private FingerprintKey(byte[] key) => _key = key;

    public static FingerprintKey FromSecret(string secret, ulong seed)
    {
        Span<byte> message = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(message, seed);
        return new(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), message));
    }

    public static FingerprintKey FromSeed(ulong seed) => FromSecret("query-similarity", seed);

    /// <summary>A 64-bit number of the key: one per purpose and index.</summary>
    public ulong Draw(byte purpose, int index)
    {
        Span<byte> message = stackalloc byte[5];
        message[0] = purpose;
        BinaryPrimitives.WriteInt32LittleEndian(message[1..], index);
        return First64(message);
    }

    /// <summary>A number in [0, 1) of the key.</summary>
    public double DrawUnit(byte purpose, int index) => (Draw(purpose, index) >> 11) * (1.0 / (1UL << 53));

    /// <summary>HMAC of raw bytes, first 64 bits; never 0.</summary>
    public ulong First64(ReadOnlySpan<byte> bytes)
    {
        Span<byte> digest = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_key, bytes, digest);
        var value = BinaryPrimitives.ReadUInt64LittleEndian(digest);
        return value == 0 ? 1 : value;
    }
}
