namespace Monitoring.Detection;

/// <summary>Datatypes of the Open Inference Protocol, as tensors in events name them.</summary>
internal enum ElementType : byte
{
    /// <summary>A name that is none of them.</summary>
    Unknown,
    Bool,
    UInt8,
    Int8,
    UInt16,
    Int16,
    Float16,
    UInt32,
    Int32,
    Float32,
    UInt64,
    Int64,
    Float64,
    Bytes,
}
