using System.Numerics;
using System.Runtime.InteropServices;

namespace Monitoring.Detection;

/// <summary>
/// A fast 64-bit hash that is the same in every process and build: 128-bit multiply folding over 8-byte words. Not for secrets, and not for
/// anything an attacker gains by colliding: those use keyed hashes.
/// </summary>
public static class StableHash
{
    private const ulong First = 0x9E3779B97F4A7C15;
    private const ulong Second = 0xD6E8FEB86659FD93;

    public static ulong Of(ReadOnlySpan<byte> bytes, ulong seed = 0)
    {
        var hash = Mix(seed ^ First, (ulong)bytes.Length ^ Second);
        while (bytes.Length >= 8)
        {
            hash = Mix(hash ^ MemoryMarshal.Read<ulong>(bytes), Second);
            bytes = bytes[8..];
        }

        if (bytes.Length > 0)
        {
            Span<byte> tail = stackalloc byte[8];
            tail.Clear();
            bytes.CopyTo(tail);
            hash = Mix(hash ^ MemoryMarshal.Read<ulong>(tail), First);
        }

        return Mix(hash, First);
    }

    /// <summary>Of the UTF-16 characters.</summary>
    public static ulong Of(string text, ulong seed = 0) => Of(MemoryMarshal.AsBytes(text.AsSpan()), seed);

    /// <summary>Of the values' bits; −0 and 0 differ.</summary>
    public static ulong Of(ReadOnlySpan<float> values, ulong seed = 0) => Of(MemoryMarshal.AsBytes(values), seed);

    public static ulong Combine(ulong a, ulong b) => Mix(a ^ First, b ^ Second);

    /// <summary>A number in [0, 1) from a hash.</summary>
    public static double ToUnit(ulong hash) => (hash >> 11) * (1.0 / (1UL << 53));

    private static ulong Mix(ulong a, ulong b)
    {
        var high = Math.BigMul(a, b, out ulong low);
        return BitOperations.RotateLeft(low, 23) ^ high;
    }
}
