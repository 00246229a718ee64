namespace Monitoring.Detection;

/// <summary>A tensor inside an event's bytes.</summary>
/// <param name="NameAt">Start of its name (UTF-8).</param>
/// <param name="NameLength">Length of the name.</param>
/// <param name="Type">Datatype.</param>
/// <param name="Rows">First dimension, 1 for a scalar.</param>
/// <param name="Elements">Elements by its shape; −1 where the shape is impossible, the data is not as long as it says, or the data is not in the event.</param>
/// <param name="DataAt">Start of the data.</param>
/// <param name="DataLength">Length of the data.</param>
internal readonly record struct TensorRange(int NameAt, int NameLength, ElementType Type, int Rows, int Elements, int DataAt, int DataLength);
