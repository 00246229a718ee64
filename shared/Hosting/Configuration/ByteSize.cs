using System.Globalization;

namespace Monitoring.Hosting.Configuration;

/// <summary>A number of bytes, written with a binary unit: <c>512KiB</c>, <c>256MiB</c>, <c>50GiB</c>, <c>1TiB</c>, or <c>900B</c>.</summary>
public readonly record struct ByteSize(long Bytes)
{
    private static readonly (string Unit, long Factor)[] s_units = [("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40), ("B", 1)];

    public static bool TryParse(string text, out ByteSize size)
    {
        foreach (var (unit, factor) in s_units)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && double.TryParse(text.AsSpan(0, text.Length - unit.Length).Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number * factor <= long.MaxValue)
            {
                size = new ByteSize((long)(number * factor));
                return true;
            }
        }

        size = default;
        return false;
    }

    public override string ToString()
    {
        var bytes = Bytes;
        var unit = s_units.Where(u => bytes >= u.Factor && bytes % u.Factor == 0).MaxBy(u => u.Factor);
        return unit.Unit is null ? "0B" : string.Create(CultureInfo.InvariantCulture, $"{bytes / unit.Factor}{unit.Unit}");
    }
}
