namespace Monitoring.Outlier;

/// <summary>How nearest neighbours are found.</summary>
public enum NeighbourSearchKind
{
    /// <summary>By graphs on a GPU and among many columns, else by vector units.</summary>
    Auto,

    /// <summary>Distances and top-k as ONNX graphs, the reference as an input, on the device of the process.</summary>
    Graph,

    /// <summary>Blocked C# on the CPU's vector units.</summary>
    Vectors,
}
