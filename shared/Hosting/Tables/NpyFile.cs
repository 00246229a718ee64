using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Monitoring.Hosting.Tables;

/// <summary>NumPy's <c>.npy</c> format, versions 1 to 3, C or (up to two dimensions) Fortran order, numbers of either byte order and booleans; read as 32-bit floats, larger ones as infinite.</summary>
public sealed partial class NpyFile
{
    private NpyFile(int[] shape, float[] values)
    {
        Shape = shape;
        Values = values;
    }

    public IReadOnlyList<int> Shape { get; }

    /// <summary>Row-major.</summary>
    public float[] Values { get; }

    /// <summary>First dimension; 1 for a scalar.</summary>
    public int Rows => Shape.Count == 0 ? 1 : Shape[0];

    /// <summary>Product of the other dimensions.</summary>
    public int Width => Shape.Skip(1).Aggregate(1, (a, b) => a * b);

    public ReadOnlySpan<float> Row(int row) => Values.AsSpan(row * Width, Width);

    /// <summary>Reads a file. Throws <see cref="InvalidDataException"/> naming the file and what is wrong with it.</summary>
    public static NpyFile Read(string file)
    {
        var bytes = File.ReadAllBytes(file);
        if (bytes.Length < 10 || bytes[0] != 0x93 || !bytes.AsSpan(1, 5).SequenceEqual("NUMPY"u8))
        {
            throw new InvalidDataException($"{file}: is not a .npy file");
        }

        var version = bytes[6];
        var headerStart = version == 1 ? 10 : 12;
        var headerLength = bytes.Length < headerStart ? int.MaxValue
            : version == 1 ? BitConverter.ToUInt16(bytes, 8) : BitConverter.ToInt32(bytes, 8);
        if (headerLength < 0 || headerLength > bytes.Length - headerStart)
        {
            throw new InvalidDataException($"{file}: is cut off in its header");
        }

        var header = Encoding.UTF8.GetString(bytes, headerStart, headerLength);
        var match = Header().Match(header);
        if (!match.Success)
        {
            throw new InvalidDataException($"{file}: header {header.Trim()} is not understood: one plain array of numbers (f2, f4, f8, i1 to i8, u1 to u8) or booleans is expected, no objects, texts, dates or records");
        }

        var shape = match.Groups["shape"].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(d => int.TryParse(d, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : throw new InvalidDataException($"{file}: shape ({match.Groups["shape"].Value}) is no shape")).ToArray();
        var fortran = match.Groups["order"].Value == "True" && shape.Length > 1;
        if (fortran && shape.Length > 2)
        {
            throw new InvalidDataException($"{file}: {shape.Length} dimensions in Fortran order; save it with numpy.ascontiguousarray");
        }

        var count = shape.Aggregate(1L, (a, b) => a * b);
        var data = bytes.AsSpan(headerStart + headerLength);
        var type = match.Groups["type"].Value;
        var size = type[^1] - '0';
        if (data.Length != count * size)
        {
            throw new InvalidDataException($"{file}: {count} elements of {type} need {count * size} bytes, found {data.Length}");
        }

        if (type[0] == '>')
        {
            var swapped = data.ToArray();
            for (var i = 0; i < swapped.Length; i += size)
            {
                swapped.AsSpan(i, size).Reverse();
            }

            data = swapped;
        }

        var values = type.TrimStart('<', '>', '|') switch
        {
            "f4" => MemoryMarshal.Cast<byte, float>(data).ToArray(),
            "f8" => Convert<double>(data),
            "f2" => Convert<Half>(data),
            "u1" or "b1" => Convert<byte>(data),
            "i1" => Convert<sbyte>(data),
            "i2" => Convert<short>(data),
            "u2" => Convert<ushort>(data),
            "i4" => Convert<int>(data),
            "u4" => Convert<uint>(data),
            "i8" => Convert<long>(data),
            "u8" => Convert<ulong>(data),
            _ => throw new InvalidDataException($"{file}: element type {type} is neither a number nor a boolean"),
        };
        return new NpyFile(shape, fortran ? Transpose(values, shape[0], shape[1]) : values);
    }

    /// <summary>Writes 32-bit floats in C order, format version 1.</summary>
    public static void Write(string file, IReadOnlyList<int> shape, ReadOnlySpan<float> values)
    {
        var dimensions = string.Join(", ", shape) + (shape.Count == 1 ? "," : "");
        var header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({dimensions}), }}";

        // The data start at a multiple of 64 bytes.
        header = header.PadRight(((header.Length + 11 + 63) / 64 * 64) - 11) + "\n";
        using var stream = File.Create(file);
        stream.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(header));
        stream.Write(MemoryMarshal.AsBytes(values));
    }

    private static float[] Transpose(float[] columnMajor, int rows, int columns)
    {
        var values = new float[columnMajor.Length];
        for (var r = 0; r < rows; r++)
        {
            for (var c = 0; c < columns; c++)
            {
                values[(r * columns) + c] = columnMajor[(c * rows) + r];
            }
        }

        return values;
    }

    private static float[] Convert<T>(ReadOnlySpan<byte> data)
        where T : unmanaged, System.Numerics.INumber<T>
    {
        var source = MemoryMarshal.Cast<byte, T>(data);
        var result = new float[source.Length];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = float.CreateSaturating(source[i]);
        }

        return result;
    }

    [GeneratedRegex(@"'descr':\s*'(?<type>[<>|]?[a-z][1-8])'.*'fortran_order':\s*(?<order>True|False).*'shape':\s*\((?<shape>[0-9,\s]*)\)")]
    private static partial Regex Header();
}
