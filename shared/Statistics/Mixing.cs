namespace Monitoring.Statistics;

/// <summary>Fixed hash functions: the same bits on every machine and in every release, because evidence depends on them.</summary>
public static class Mixing
{
    /// <summary>A bijection on 64 bits that spreads every input bit (finaliser of SplitMix64: Steele, Lea and Flood, OOPSLA 2014).</summary>
    public static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    /// <summary>A number in [0, 1) with 53 random bits.</summary>
    public static double Uniform(ulong value) => (Mix(value) >> 11) * (1.0 / (1UL << 53));

    /// <summary>FNV-1a over the bytes, then mixed.</summary>
    public static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = 0xCBF29CE484222325UL;
        foreach (var value in bytes)
        {
            hash = (hash ^ value) * 0x100000001B3;
        }

        return Mix(hash);
    }

    /// <summary>FNV-1a over the UTF-16 code units, then mixed: the id of an event or a client as a number.</summary>
    public static ulong Hash(ReadOnlySpan<char> text)
    {
        var hash = 0xCBF29CE484222325UL;
        foreach (var unit in text)
        {
            hash = (hash ^ (byte)unit) * 0x100000001B3;
            hash = (hash ^ (byte)(unit >> 8)) * 0x100000001B3;
        }

        return Mix(hash);
    }

    /// <summary>A category's name as the number that <see cref="StreamReference"/> keeps for it: 53 bits of its hash, exact in a double.</summary>
    public static double CategoryCode(ReadOnlySpan<char> category) => Hash(category) >> 11;
}
