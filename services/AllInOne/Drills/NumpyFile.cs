using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Monitoring.AllInOne.Drills;

/// <summary>A matrix from a <c>.npy</c> file: float32, float64 or uint8, little-endian, C order; the first dimension are rows, the others are laid side by side.</summary>
internal static partial class NumpyFile
{
    /// <returns>Values as floats, row-major, with rows and columns; unsigned bytes are divided by <paramref name="byteScale"/>.</returns>
    /// <exception cref="InvalidDataException">Another format, or a truncated file.</exception>
    public static (float[] Values, int Rows, int Columns) Read(string path, float byteScale = 255)
    {
        var bytes = File.ReadAllBytes(path);
        if (bytes.Length < 12 || bytes[0] != 0x93 || !bytes.AsSpan(1, 5).SequenceEqual("NUMPY"u8))
        {
            throw new InvalidDataException($"{path} is not a NumPy file");
        }

        var longHeader = bytes[6] >= 2;
        var start = longHeader ? 12 : 10;
        var length = longHeader ? BitConverter.ToInt32(bytes, 8) : BitConverter.ToUInt16(bytes, 8);
        var header = Encoding.Latin1.GetString(bytes, start, length);
        var type = TypePattern().Match(header).Groups[1].Value;
        var shape = ShapePattern().Match(header).Groups[1].Value
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(s => int.Parse(s, CultureInfo.InvariantCulture)).ToArray();
        if (header.Contains("'fortran_order': True", StringComparison.Ordinal) || shape.Length < 1)
        {
            throw new InvalidDataException($"{path}: at least one dimension in C order is read, not {header.Trim()}");
        }

        var rows = shape[0];
        var columns = shape.Skip(1).Aggregate(1, (a, b) => checked(a * b));
        var count = checked(rows * columns);
        var data = bytes.AsSpan(start + length);
        var size = type switch { "|u1" => 1, "<f4" => 4, "<f8" => 8, _ => throw new InvalidDataException($"{path}: type {type} is not read; allowed: |u1, <f4, <f8") };
        if (data.Length < (long)count * size)
        {
            throw new InvalidDataException($"{path} is truncated: {rows}×{columns} values of {size} bytes announced, {data.Length} bytes left");
        }

        var values = new float[count];
        switch (size)
        {
            case 1:
                for (var i = 0; i < count; i++)
                {
                    values[i] = data[i] / byteScale;
                }

                break;
            case 4:
                MemoryMarshal.Cast<byte, float>(data)[..count].CopyTo(values);
                break;
            default:
                var doubles = MemoryMarshal.Cast<byte, double>(data);
                for (var i = 0; i < count; i++)
                {
                    values[i] = (float)doubles[i];
                }

                break;
        }

        return (values, rows, columns);
    }

    [GeneratedRegex("'descr':\\s*'([^']+)'")]
    private static partial Regex TypePattern();

    [GeneratedRegex("'shape':\\s*\\(([^)]*)\\)")]
    private static partial Regex ShapePattern();
}
