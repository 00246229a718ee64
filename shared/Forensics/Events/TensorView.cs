using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Monitoring.Forensics;

/// <summary>A <see cref="Contracts.Tensor"/> read in place.</summary>
public ref struct TensorView
{
    public ReadOnlySpan<byte> Name;
    public ReadOnlySpan<byte> Datatype;
    public ReadOnlySpan<byte> Data;

    /// <summary>First dimension; 1 for a scalar.</summary>
    public long Rows;

    /// <summary>Elements of all dimensions.</summary>
    public long Elements;

    /// <summary>Elements per row.</summary>
    public readonly int Width => Rows > 0 ? (int)(Elements / Rows) : 0;

    /// <summary>Bytes per element; 0 for BYTES and unknown types, whose elements a search does not look into.</summary>
    public readonly int ElementSize => Datatype.Length switch
    {
        4 when Datatype.SequenceEqual("FP32"u8) => 4,
        4 when Datatype.SequenceEqual("FP64"u8) => 8,
        4 when Datatype.SequenceEqual("FP16"u8) => 2,
        4 when Datatype.SequenceEqual("BOOL"u8) || Datatype.SequenceEqual("INT8"u8) => 1,
        5 when Datatype.SequenceEqual("UINT8"u8) => 1,
        5 when Datatype.SequenceEqual("INT16"u8) => 2,
        5 when Datatype.SequenceEqual("INT32"u8) => 4,
        5 when Datatype.SequenceEqual("INT64"u8) => 8,
        6 when Datatype.SequenceEqual("UINT16"u8) => 2,
        6 when Datatype.SequenceEqual("UINT32"u8) => 4,
        6 when Datatype.SequenceEqual("UINT64"u8) => 8,
        _ => 0,
    };

    /// <summary>Numbers that fit the shape; nothing where the data lies elsewhere or the type holds none.</summary>
    public readonly bool HasNumbers => ElementSize > 0 && Elements > 0 && Data.Length == Elements * ElementSize;

    public readonly bool IsFloat32 => Datatype.SequenceEqual("FP32"u8);

    public readonly bool IsFloatingPoint => Datatype.Length == 4 && Datatype[0] == (byte)'F';

    public readonly ReadOnlySpan<float> Floats => MemoryMarshal.Cast<byte, float>(Data);

    public static TensorView Read(ReadOnlySpan<byte> message)
    {
        var view = new TensorView { Rows = 1, Elements = 1 };
        var dimension = 0;
        for (var at = 0; at < message.Length;)
        {
            if (!EventView.ReadField(message, ref at, out var field, out var slice, out var number))
            {
                return default;
            }

            switch (field)
            {
                case 1:
                    view.Name = message.Slice(slice.Start, slice.Length);
                    break;
                case 2:
                    view.Datatype = message.Slice(slice.Start, slice.Length);
                    break;
                case 3 when slice.Length > 0:
                    var packed = message.Slice(slice.Start, slice.Length);
                    for (var inner = 0; inner < packed.Length && EventView.ReadVarint(packed, ref inner, out var size);)
                    {
                        view.Add(size, ref dimension);
                    }

                    break;
                case 3:
                    view.Add(number, ref dimension);
                    break;
                case 4:
                    view.Data = message.Slice(slice.Start, slice.Length);
                    break;
                default:
                    break;
            }
        }

        return view;
    }

    /// <summary>Element as a number. The index must be below <see cref="Elements"/> and <see cref="HasNumbers"/> hold.</summary>
    public readonly double Number(long index)
    {
        var at = Data[(int)(index * ElementSize)..];
        return Datatype.Length switch
        {
            4 when Datatype[0] == (byte)'F' => ElementSize switch
            {
                4 => BinaryPrimitives.ReadSingleLittleEndian(at),
                8 => BinaryPrimitives.ReadDoubleLittleEndian(at),
                _ => (double)BinaryPrimitives.ReadHalfLittleEndian(at),
            },
            4 when Datatype[0] == (byte)'B' => at[0],
            4 => (sbyte)at[0],
            5 when Datatype[0] == (byte)'U' => at[0],
            5 => ElementSize switch
            {
                2 => BinaryPrimitives.ReadInt16LittleEndian(at),
                4 => BinaryPrimitives.ReadInt32LittleEndian(at),
                _ => BinaryPrimitives.ReadInt64LittleEndian(at),
            },
            _ => ElementSize switch
            {
                2 => BinaryPrimitives.ReadUInt16LittleEndian(at),
                4 => BinaryPrimitives.ReadUInt32LittleEndian(at),
                _ => BinaryPrimitives.ReadUInt64LittleEndian(at),
            },
        };
    }

    private void Add(ulong size, ref int dimension)
    {
        // Sizes from the log may be hostile: what does not fit makes the tensor one without numbers.
        var value = size > int.MaxValue ? 0 : (long)size;
        if (dimension++ == 0)
        {
            Rows = value;
        }

        Elements = Elements * value is var product && product <= int.MaxValue ? product : 0;
    }
}
