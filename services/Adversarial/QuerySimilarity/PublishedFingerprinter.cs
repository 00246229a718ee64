using System.Buffers.Binary;
using System.Security.Cryptography;
using Monitoring.Detection;

namespace Monitoring.Adversarial;

/// <summary>
/// The fingerprint as published (Li et al., "Blacklight", USENIX Security 2022): v = round(((255x + salt) mod 255)/q)·q, SHA-256 of every window of w
/// values as 16-bit little-endian integers, and of the distinct digests, read as hexadecimal strings backwards, the 50 largest. Kept as
/// an option and a baseline: on digits it flags 1 to 12 % of honest queries.
/// </summary>
internal sealed class PublishedFingerprinter : Fingerprinter
{
    private const byte SaltPurpose = 21;
    private const int Quantum = 50;

    private readonly double[] _salt;
    private readonly int _window;
    private readonly float _minimum;
    private readonly float _scale;

    /// <param name="salt">One value in [0, 255) per float of the row.</param>
    /// <param name="window">w: 20 for small images, 50 for large.</param>
    /// <param name="minimum">Value of black.</param>
    /// <param name="maximum">Value of white.</param>
    public PublishedFingerprinter(double[] salt, int window, float minimum = 0, float maximum = 1)
    {
        if (salt.Length < window)
        {
            throw new FitException($"a row of {salt.Length} values is shorter than the window of {window}");
        }

        _salt = salt;
        _window = window;
        _minimum = minimum;
        _scale = 255 / (maximum - minimum);
    }

    public override int MaximumHashes => _salt.Length - _window + 1;

    public static double[] Salt(int width, FingerprintKey key)
    {
        var salt = new double[width];
        for (var i = 0; i < width; i++)
        {
            salt[i] = key.DrawUnit(SaltPurpose, i) * 255;
        }

        return salt;
    }

    public override int Hash(ReadOnlySpan<float> row, Span<ulong> hashes)
    {
        var bytes = new byte[row.Length * 2];
        for (var i = 0; i < row.Length; i++)
        {
            var value = float.IsFinite(row[i]) ? ((double)(row[i] - _minimum) * _scale) + _salt[i] : _salt[i];
            var wrapped = value - (Math.Floor(value / 255) * 255);
            BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(i * 2), (short)(Math.Round(wrapped / Quantum, MidpointRounding.ToEven) * Quantum));
        }

        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        for (var i = 0; i < MaximumHashes; i++)
        {
            SHA256.HashData(bytes.AsSpan(i * 2, _window * 2), digest);
            hashes[i] = FirstOfReversed(digest);
        }

        return MaximumHashes;
    }

    /// <summary>The first 16 digits of the hexadecimal string read backwards, as a number: sorts as the strings do.</summary>
    private static ulong FirstOfReversed(ReadOnlySpan<byte> digest)
    {
        ulong value = 0;
        for (var i = digest.Length - 1; i >= digest.Length - 8; i--)
        {
            value = (value << 8) | (uint)((digest[i] << 4) & 0xF0) | (uint)(digest[i] >> 4);
        }

        return value;
    }
}
