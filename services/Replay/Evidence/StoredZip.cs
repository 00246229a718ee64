using System.Buffers.Binary;
using System.Text;

namespace Monitoring.Replay.Evidence;

/// <summary>
/// ZIP files in one form only: entries stored without compression, no times, no extra fields, names sorted. Any tool opens them, and
/// because exactly one byte sequence stands for a set of files, every changed bit of the container itself is found on reading.
/// </summary>
internal static class StoredZip
{
    private const uint LocalSignature = 0x04034b50;
    private const uint CentralSignature = 0x02014b50;
    private const uint EndSignature = 0x06054b50;
    private const ushort Utf8Names = 0x0800;
    private const ushort Date1980 = 0x0021;

    public static byte[] Write(IReadOnlyDictionary<string, byte[]> files)
    {
        if (files.Count > ushort.MaxValue - 1 || files.Sum(f => f.Value.LongLength + (2 * f.Key.Length) + 128) > int.MaxValue)
        {
            throw new InvalidDataException("the bundle is over 2 GB or 65,534 files: export a smaller range");
        }

        using var output = new MemoryStream();
        using var central = new MemoryStream();
        Span<byte> header = stackalloc byte[46];
        foreach (var (name, content) in files.OrderBy(f => f.Key, StringComparer.Ordinal))
        {
            var nameBytes = Encoding.UTF8.GetBytes(name);
            var fields = Fields(content, nameBytes.Length);
            var offset = (uint)output.Length;
            header.Clear();
            BinaryPrimitives.WriteUInt32LittleEndian(header, LocalSignature);
            fields.CopyTo(header[4..]);
            output.Write(header[..30]);
            output.Write(nameBytes);
            output.Write(content);

            BinaryPrimitives.WriteUInt32LittleEndian(header, CentralSignature);
            BinaryPrimitives.WriteUInt16LittleEndian(header[4..], 20);
            fields.CopyTo(header[6..]);
            header[32..42].Clear();
            BinaryPrimitives.WriteUInt32LittleEndian(header[42..], offset);
            central.Write(header);
            central.Write(nameBytes);
        }

        var directory = (uint)output.Length;
        output.Write(central.GetBuffer(), 0, (int)central.Length);
        Span<byte> end = stackalloc byte[22];
        BinaryPrimitives.WriteUInt32LittleEndian(end, EndSignature);
        BinaryPrimitives.WriteUInt16LittleEndian(end[8..], (ushort)files.Count);
        BinaryPrimitives.WriteUInt16LittleEndian(end[10..], (ushort)files.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(end[12..], (uint)central.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(end[16..], directory);
        output.Write(end);
        return output.ToArray();
    }

    /// <summary>Reads the files, and the container's faults beside them: what can still be read is returned though the container is damaged.</summary>
    public static (SortedDictionary<string, byte[]> Files, string? Fault) Read(byte[] bytes)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        var position = 0;
        string? fault = null;
        while (position + 30 <= bytes.Length && BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(position)) == LocalSignature)
        {
            var size = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(position + 18));
            var nameLength = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(position + 26));
            var start = position + 30L + nameLength;
            if (start + size > bytes.Length)
            {
                fault = $"the entry at byte {position} reaches beyond the end";
                break;
            }

            var name = Encoding.UTF8.GetString(bytes, position + 30, nameLength);
            if (!files.TryAdd(name, bytes[(int)start..(int)(start + size)]))
            {
                fault = $"'{name}' is there twice";
            }

            position = (int)(start + size);
        }

        if (fault is null)
        {
            var canonical = Write(files);
            var same = canonical.AsSpan().CommonPrefixLength(bytes);
            if (same != bytes.Length || same != canonical.Length)
            {
                fault = $"the ZIP container differs from its one canonical form from byte {same} on";
            }
        }

        return (files, fault);
    }

    /// <summary>The 26 bytes that local and central headers share: version, flags, method, time, date, CRC, sizes, length of the name, length of extra fields.</summary>
    private static byte[] Fields(byte[] content, int nameLength)
    {
        var fields = new byte[26];
        BinaryPrimitives.WriteUInt16LittleEndian(fields, 20);
        BinaryPrimitives.WriteUInt16LittleEndian(fields.AsSpan(2), Utf8Names);
        BinaryPrimitives.WriteUInt16LittleEndian(fields.AsSpan(8), Date1980);
        BinaryPrimitives.WriteUInt32LittleEndian(fields.AsSpan(10), Crc32(content));
        BinaryPrimitives.WriteUInt32LittleEndian(fields.AsSpan(14), (uint)content.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(fields.AsSpan(18), (uint)content.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(fields.AsSpan(22), (ushort)nameLength);
        return fields;
    }

    private static uint Crc32(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var b in data)
        {
            crc = s_crcTable[(byte)(crc ^ b)] ^ (crc >> 8);
        }

        return ~crc;
    }

    private static readonly uint[] s_crcTable = CreateCrcTable();

    private static uint[] CreateCrcTable()
    {
        var table = new uint[256];
        for (var n = 0u; n < 256; n++)
        {
            var c = n;
            for (var k = 0; k < 8; k++)
            {
                c = (c & 1) == 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
            }

            table[n] = c;
        }

        return table;
    }
}
