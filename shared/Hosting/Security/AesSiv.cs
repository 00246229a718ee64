using System.Security.Cryptography;

namespace Monitoring.Hosting;

/// <summary>AES-SIV (RFC 5297) with one block of associated data. Thread-safe.</summary>
internal sealed class AesSiv
{
    private const int Block = 16;
    private readonly byte[] _macKey;
    private readonly byte[] _encryptionKey;

    /// <param name="key">32, 48 or 64 bytes: the S2V key, then the CTR key.</param>
    public AesSiv(byte[] key)
    {
        if (key.Length is not (32 or 48 or 64))
        {
            throw new ArgumentException("an AES-SIV key has 32, 48 or 64 bytes", nameof(key));
        }

        _macKey = key[..(key.Length / 2)];
        _encryptionKey = key[(key.Length / 2)..];
    }

    /// <summary>Synthetic IV, then the ciphertext.</summary>
    public byte[] Seal(ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> associatedData)
    {
        var result = new byte[Block + plaintext.Length];
        Vector(plaintext, associatedData, result.AsSpan(0, Block));
        Counter(result.AsSpan(0, Block), plaintext, result.AsSpan(Block));
        return result;
    }

    /// <summary>The plaintext, or null where the text is not authentic.</summary>
    public byte[]? Open(ReadOnlySpan<byte> sealedText, ReadOnlySpan<byte> associatedData)
    {
        if (sealedText.Length < Block)
        {
            return null;
        }

        var plaintext = new byte[sealedText.Length - Block];
        Counter(sealedText[..Block], sealedText[Block..], plaintext);
        Span<byte> expected = stackalloc byte[Block];
        Vector(plaintext, associatedData, expected);
        return CryptographicOperations.FixedTimeEquals(expected, sealedText[..Block]) ? plaintext : null;
    }

    /// <summary>S2V, RFC 5297 section 2.4.</summary>
    private void Vector(ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> associatedData, Span<byte> result)
    {
        using var aes = Aes.Create();
        aes.Key = _macKey;
        Span<byte> d = stackalloc byte[Block];
        Mac(aes, new byte[Block], d);
        Double(d);
        Span<byte> mac = stackalloc byte[Block];
        Mac(aes, associatedData, mac);
        Xor(d, mac);
        var last = new byte[Math.Max(Block, plaintext.Length)];
        plaintext.CopyTo(last);
        if (plaintext.Length >= Block)
        {
            Xor(last.AsSpan(plaintext.Length - Block), d);
        }
        else
        {
            last[plaintext.Length] = 0x80;
            Double(d);
            Xor(last, d);
        }

        Mac(aes, last, result);
    }

    /// <summary>CTR with the synthetic IV whose 31st and 63rd bits are cleared, section 2.5.</summary>
    private void Counter(ReadOnlySpan<byte> iv, ReadOnlySpan<byte> input, Span<byte> output)
    {
        using var aes = Aes.Create();
        aes.Key = _encryptionKey;
        Span<byte> counter = stackalloc byte[Block];
        iv.CopyTo(counter);
        counter[8] &= 0x7f;
        counter[12] &= 0x7f;
        Span<byte> stream = stackalloc byte[Block];
        for (var i = 0; i < input.Length; i += Block)
        {
            aes.EncryptEcb(counter, stream, PaddingMode.None);
            for (var j = 0; j < Block && i + j < input.Length; j++)
            {
                output[i + j] = (byte)(input[i + j] ^ stream[j]);
            }

            for (var j = Block - 1; j >= 0 && ++counter[j] == 0; j--)
            {
            }
        }
    }

    /// <summary>AES-CMAC, RFC 4493.</summary>
    private static void Mac(Aes aes, ReadOnlySpan<byte> message, Span<byte> result)
    {
        Span<byte> key = stackalloc byte[Block];
        aes.EncryptEcb(new byte[Block], key, PaddingMode.None);
        Double(key);
        Span<byte> state = stackalloc byte[Block];
        state.Clear();
        while (message.Length > Block)
        {
            Xor(state, message[..Block]);
            aes.EncryptEcb(state, state, PaddingMode.None);
            message = message[Block..];
        }

        Xor(state, message);
        if (message.Length < Block)
        {
            Double(key);
            state[message.Length] ^= 0x80;
        }

        Xor(state, key);
        aes.EncryptEcb(state, result, PaddingMode.None);
    }

    private static void Double(Span<byte> block)
    {
        var carry = block[0] >> 7;
        for (var i = 0; i < Block - 1; i++)
        {
            block[i] = (byte)((block[i] << 1) | (block[i + 1] >> 7));
        }

        block[Block - 1] = (byte)((block[Block - 1] << 1) ^ (carry * 0x87));
    }

    private static void Xor(Span<byte> target, ReadOnlySpan<byte> other)
    {
        for (var i = 0; i < other.Length; i++)
        {
            target[i] ^= other[i];
        }
    }
}
