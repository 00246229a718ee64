using System.Buffers.Binary;

namespace Monitoring.EventLog;

/// <summary>
/// The partition of a key as Kafka's Java client and librdkafka's <c>murmur2_random</c> choose it: MurmurHash2 (A. Appleby, 32 bit,
/// seed 0x9747b28c) with the sign bit cleared, modulo the number of partitions.
/// </summary>
public static class KeyPartitioner
{
    public static int Partition(ReadOnlySpan<byte> key, int partitions)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(partitions, 1);
        return (int)(Murmur2(key) & 0x7fffffff) % partitions;
    }

    internal static uint Murmur2(ReadOnlySpan<byte> data)
    {
        const uint M = 0x5bd1e995;
        var hash = 0x9747b28cu ^ (uint)data.Length;
        while (data.Length >= 4)
        {
            var k = BinaryPrimitives.ReadUInt32LittleEndian(data) * M;
            k ^= k >> 24;
            hash = (hash * M) ^ (k * M);
            data = data[4..];
        }

        if (data.Length >= 3)
        {
            hash ^= (uint)data[2] << 16;
        }

        if (data.Length >= 2)
        {
            hash ^= (uint)data[1] << 8;
        }

        if (data.Length >= 1)
        {
            hash = (hash ^ data[0]) * M;
        }

        hash = (hash ^ (hash >> 13)) * M;
        return hash ^ (hash >> 15);
    }
}
