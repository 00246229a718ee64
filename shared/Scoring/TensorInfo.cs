namespace Monitoring.Scoring;

/// <summary>An input or output of a model.</summary>
/// <param name="Name">Name.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Dimensions; -1 where any size is allowed.</param>
public sealed record TensorInfo(string Name, TensorType Type, IReadOnlyList<long> Shape)
{
    /// <summary>The first dimension is free: rows of several calls can be joined.</summary>
    public bool HasDynamicRows => Shape.Count > 0 && Shape[0] < 0;

    /// <summary>For messages, for example <c>[-1,1,28,28]</c>.</summary>
    public string ShapeText => Format(Shape);

    internal static string Format(IEnumerable<long> shape) => $"[{string.Join(',', shape)}]";
}
