using System.Buffers.Binary;
using System.Security.Cryptography;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Leakage;

/// <summary>Keyed 64-bit hashes (HMAC-SHA-256) of records, rounded: the training data is not in the profile.</summary>
internal sealed class RecordHashes
{
    private readonly byte[] _key;
    private readonly double _scale;
    private readonly int _decimals;
    private readonly HashSet<ulong> _hashes;

    private RecordHashes(byte[] key, int decimals, HashSet<ulong> hashes)
    {
        _key = key;
        _decimals = decimals;
        _scale = Math.Pow(10, decimals);
        _hashes = hashes;
    }

    public int Count => _hashes.Count;

    public static RecordHashes Of(ReadOnlySpan<float> records, int width, int decimals, ulong seed)
    {
        var key = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(key, seed);
        var result = new RecordHashes(key, decimals, []);
        for (var start = 0; start < records.Length; start += width)
        {
            result._hashes.Add(result.Hash(records.Slice(start, width)));
        }

        return result;
    }

    /// <summary>Hash of a record; values that are not finite count as their own kind.</summary>
    public ulong Hash(ReadOnlySpan<float> record)
    {
        var bytes = new byte[record.Length * 8];
        for (var i = 0; i < record.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * 8), float.IsFinite(record[i]) ? (long)Math.Round(record[i] * _scale) : long.MinValue);
        }

        Span<byte> digest = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_key, bytes, digest);
        return BinaryPrimitives.ReadUInt64LittleEndian(digest);
    }

    public bool Contains(ulong hash) => _hashes.Contains(hash);

    public void Write(CanonicalWriter writer)
    {
        writer.WriteBytes(_key);
        writer.WriteCount(_decimals);
        writer.WriteCount(_hashes.Count);
        foreach (var hash in _hashes.Order())
        {
            writer.WriteUInt64(hash);
        }
    }

    public static RecordHashes Read(ref CanonicalReader reader)
    {
        var key = reader.ReadBytes().ToArray();
        var decimals = (int)reader.ReadCount();
        var hashes = new HashSet<ulong>();
        for (var left = reader.ReadLength(8); left > 0; left--)
        {
            hashes.Add(reader.ReadUInt64());
        }

        return new RecordHashes(key, decimals, hashes);
    }
}
