using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Monitoring.Benchmarks.Budget;

/// <summary>The demo's arrays of bytes (NumPy format 1.0, uint8, C order).</summary>
internal static class Npy
{
    public static (byte[] Data, int Rows, int Columns) ReadBytes(string path)
    {
        var file = File.ReadAllBytes(path);
        if (file.Length < 10 || file[0] != 0x93 || file[6] != 1)
        {
            throw new InvalidDataException($"{path}: not a NumPy file of version 1");
        }

        var header = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(8));
        var text = Encoding.ASCII.GetString(file, 10, header);
        if (!text.Contains("'|u1'", StringComparison.Ordinal))
        {
            throw new InvalidDataException($"{path}: not an array of bytes: {text}");
        }

        var open = text.IndexOf('(', StringComparison.Ordinal);
        var shape = text[(open + 1)..text.IndexOf(')', open)].Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(n => int.Parse(n, CultureInfo.InvariantCulture)).ToArray();
        return (file[(10 + header)..], shape[0], shape.Length > 1 ? shape[1] : 1);
    }

    /// <summary>The repository's root, found from where the program runs.</summary>
    public static string Root()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Monitoring.sln")))
        {
            directory = directory.Parent;
        }

        return directory?.FullName ?? throw new DirectoryNotFoundException("Monitoring.sln is in no folder above the program");
    }
}
