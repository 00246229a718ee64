namespace Monitoring.Scoring;

/// <summary>Element types of tensors. Names and sizes are those of the Open Inference Protocol; values are ONNX's own (TensorProto.DataType).</summary>
public enum TensorType
{
    Undefined = 0,
    Float32 = 1,
    UInt8 = 2,
    Int8 = 3,
    UInt16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,

    /// <summary>BYTES: every element is a 4-byte little-endian length and that many bytes.</summary>
    Bytes = 8,
    Bool = 9,
    Float16 = 10,
    Float64 = 11,
    UInt32 = 12,
    UInt64 = 13,
}

/// <summary>Facts about <see cref="TensorType"/>.</summary>
public static class TensorTypes
{
    /// <summary>Bytes of one element; 0 for <see cref="TensorType.Bytes"/>, whose elements vary.</summary>
    public static int Size(this TensorType type) => type switch
    {
        TensorType.Bool or TensorType.UInt8 or TensorType.Int8 => 1,
        TensorType.UInt16 or TensorType.Int16 or TensorType.Float16 => 2,
        TensorType.UInt32 or TensorType.Int32 or TensorType.Float32 => 4,
        TensorType.UInt64 or TensorType.Int64 or TensorType.Float64 => 8,
        TensorType.Bytes => 0,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "no such tensor type"),
    };

    /// <summary>Name in the Open Inference Protocol, for example <c>FP32</c>.</summary>
    public static string ProtocolName(this TensorType type) => type switch
    {
        TensorType.Bool => "BOOL",
        TensorType.UInt8 => "UINT8",
        TensorType.UInt16 => "UINT16",
        TensorType.UInt32 => "UINT32",
        TensorType.UInt64 => "UINT64",
        TensorType.Int8 => "INT8",
        TensorType.Int16 => "INT16",
        TensorType.Int32 => "INT32",
        TensorType.Int64 => "INT64",
        TensorType.Float16 => "FP16",
        TensorType.Float32 => "FP32",
        TensorType.Float64 => "FP64",
        TensorType.Bytes => "BYTES",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "no such tensor type"),
    };

    /// <summary>The type of that protocol name (upper case), or <see cref="TensorType.Undefined"/>.</summary>
    public static TensorType FromProtocolName(string name) => name switch
    {
        "BOOL" => TensorType.Bool,
        "UINT8" => TensorType.UInt8,
        "UINT16" => TensorType.UInt16,
        "UINT32" => TensorType.UInt32,
        "UINT64" => TensorType.UInt64,
        "INT8" => TensorType.Int8,
        "INT16" => TensorType.Int16,
        "INT32" => TensorType.Int32,
        "INT64" => TensorType.Int64,
        "FP16" => TensorType.Float16,
        "FP32" => TensorType.Float32,
        "FP64" => TensorType.Float64,
        "BYTES" => TensorType.Bytes,
        _ => TensorType.Undefined,
    };

    /// <summary>The tensor type that holds elements of <typeparamref name="T"/>.</summary>
    public static TensorType Of<T>()
        where T : unmanaged =>
        default(T) switch
        {
            float => TensorType.Float32,
            double => TensorType.Float64,
            Half => TensorType.Float16,
            bool => TensorType.Bool,
            byte => TensorType.UInt8,
            sbyte => TensorType.Int8,
            ushort => TensorType.UInt16,
            short => TensorType.Int16,
            uint => TensorType.UInt32,
            int => TensorType.Int32,
            ulong => TensorType.UInt64,
            long => TensorType.Int64,
            _ => throw new NotSupportedException($"no tensor type holds {typeof(T)}"),
        };
}
