using System.Buffers.Binary;

namespace Monitoring.EventLog.Embedded;

/// <summary>
/// Encoded records of one partition with consecutive offsets, each after its length (4 bytes, little-endian): a row of a segment, or a part of one.
/// </summary>
/// <param name="Buffer">Holds them, and what else was appended with them.</param>
/// <param name="Start">Where they begin.</param>
/// <param name="Length">Their bytes.</param>
/// <param name="Count">Records.</param>
internal readonly record struct RecordBlock(byte[] Buffer, int Start, int Length, int Count)
{
    /// <summary>Bytes before every record.</summary>
    public const int Frame = 4;

    /// <summary>
    /// A block is closed above this, unless one record alone is larger: long enough that a row costs little beside its bytes, short enough that one record is
    /// read without many others.
    /// </summary>
    public const int MaxBytes = 64 * 1024;

    public ReadOnlySpan<byte> Bytes => Buffer.AsSpan(Start, Length);

    /// <summary>Steps over the record at <paramref name="at"/> and returns its length; it begins <see cref="Frame"/> bytes behind the old position. −1 at damage.</summary>
    public static int Step(ReadOnlySpan<byte> block, ref int at)
    {
        if (block.Length - at < Frame || BinaryPrimitives.ReadInt32LittleEndian(block[at..]) is var length && (length <= 0 || length > block.Length - at - Frame))
        {
            return -1;
        }

        at += Frame + length;
        return length;
    }
}
