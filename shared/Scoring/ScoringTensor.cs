using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Monitoring.Scoring;

/// <summary>A named tensor: row-major, little-endian bytes, exactly as the Open Inference Protocol and the event log carry them.</summary>
public sealed class ScoringTensor
{
    /// <summary>Wraps raw bytes without a copy.</summary>
    /// <param name="name">Name of the input or output.</param>
    /// <param name="type">Element type.</param>
    /// <param name="shape">Dimensions, each ≥ 0.</param>
    /// <param name="data">As many bytes as the shape says; for BYTES, that many length-prefixed elements.</param>
    /// <exception cref="ScoringException">Data and shape do not fit (<see cref="ScoringError.Input"/>).</exception>
    public ScoringTensor(string name, TensorType type, long[] shape, ReadOnlyMemory<byte> data)
    {
        Name = name;
        Type = type;
        Shape = shape;
        Data = data;
        var count = CountElements(name, shape);
        Check(name, type, shape, count, data.Span);
        ElementCount = count;
    }

    public string Name { get; }

    public TensorType Type { get; }

    public long[] Shape { get; }

    public ReadOnlyMemory<byte> Data { get; }

    public long ElementCount { get; }

    /// <summary>First dimension; 1 for a scalar.</summary>
    public long Rows => Shape.Length == 0 ? 1 : Shape[0];

    /// <summary>Wraps an array or other memory without a copy.</summary>
    public static ScoringTensor Create<T>(string name, ReadOnlyMemory<T> values, params long[] shape)
        where T : unmanaged =>
        new(name, TensorTypes.Of<T>(), shape, new CastMemoryManager<T>(MemoryMarshal.AsMemory(values)).Memory);

    /// <inheritdoc cref="Create{T}(string, ReadOnlyMemory{T}, long[])"/>
    public static ScoringTensor Create<T>(string name, T[] values, params long[] shape)
        where T : unmanaged =>
        Create(name, (ReadOnlyMemory<T>)values, shape);

    /// <summary>The elements, in place.</summary>
    /// <exception cref="InvalidOperationException">The tensor holds another type.</exception>
    public ReadOnlySpan<T> AsSpan<T>()
        where T : unmanaged =>
        TensorTypes.Of<T>() == Type
            ? MemoryMarshal.Cast<byte, T>(Data.Span)
            : throw new InvalidOperationException($"tensor '{Name}' holds {Type.ProtocolName()}, not {typeof(T).Name}");

    /// <summary>Elements of that shape.</summary>
    /// <exception cref="ScoringException">A negative dimension, or more elements than fit (<see cref="ScoringError.Input"/>).</exception>
    public static long CountElements(string name, ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (var dimension in shape)
        {
            if (dimension < 0)
            {
                throw new ScoringException(ScoringError.Input, $"tensor '{name}' has a negative dimension in shape {TensorInfo.Format(shape.ToArray())}");
            }

            try
            {
                count = checked(count * dimension);
            }
            catch (OverflowException)
            {
                throw new ScoringException(ScoringError.Input, $"tensor '{name}' has an impossibly large shape {TensorInfo.Format(shape.ToArray())}");
            }
        }

        return count;
    }

    private static void Check(string name, TensorType type, long[] shape, long count, ReadOnlySpan<byte> data)
    {
        if (type != TensorType.Bytes)
        {
            if (count > int.MaxValue || count * type.Size() != data.Length)
            {
                throw new ScoringException(
                    ScoringError.Input,
                    $"tensor '{name}' of {type.ProtocolName()} {TensorInfo.Format(shape)} needs {(decimal)count * type.Size()} bytes, got {data.Length}");
            }

            return;
        }

        long elements = 0;
        var rest = data;
        while (rest.Length > 0)
        {
            var length = rest.Length < 4 ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(rest);
            if (length > rest.Length - 4)
            {
                throw new ScoringException(ScoringError.Input, $"tensor '{name}' of BYTES is cut off inside element {elements}");
            }

            rest = rest[(4 + (int)length)..];
            elements++;
        }

        if (elements != count)
        {
            throw new ScoringException(ScoringError.Input, $"tensor '{name}' of BYTES {TensorInfo.Format(shape)} needs {count} elements, got {elements}");
        }
    }
}
