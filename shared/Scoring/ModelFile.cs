using System.Security.Cryptography;
using Google.Protobuf;
using Monitoring.Scoring.Onnx;

namespace Monitoring.Scoring;

/// <summary>Checks of a model before ONNX Runtime sees it: format, size, and data that lies outside.</summary>
internal static class ModelFile
{
    public static string Sha256(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>Reads the file; refuses missing and oversized ones.</summary>
    public static byte[] Read(string path, long maxBytes)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
            if (stream.Length > maxBytes || stream.Length > Array.MaxLength)
            {
                throw new ScoringException(ScoringError.TooLarge, $"model file '{path}' has {stream.Length} bytes; at most {maxBytes} are allowed");
            }

            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ScoringException(ScoringError.Format, $"model file '{path}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>
    /// Parses the model and refuses what is no ONNX model, and any tensor whose data lies outside <paramref name="folder"/>
    /// (any external data at all where it is null). Returns whether the model uses external data.
    /// </summary>
    public static bool Check(string name, byte[] bytes, string? folder)
    {
        ModelProto model;
        try
        {
            model = ModelProto.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new ScoringException(ScoringError.Format, $"'{name}' is not an ONNX model: {e.Message}", e);
        }

        if (model.Graph is null || model.IrVersion <= 0 || model.Graph.Node.Count == 0)
        {
            throw new ScoringException(ScoringError.Format, $"'{name}' is not an ONNX model: it holds no graph");
        }

        var locations = new List<string>();
        Collect(model.Graph, locations);
        foreach (var function in model.Functions)
        {
            Collect(function.Node, locations);
        }

        foreach (var location in locations)
        {
            if (folder is null)
            {
                throw new ScoringException(ScoringError.ExternalData, $"'{name}' keeps tensors in another file ('{location}'); a model given as bytes must hold all of its data");
            }

            var root = Path.GetFullPath(folder) + Path.DirectorySeparatorChar;
            if (location.Length == 0 || Path.IsPathRooted(location) || !Path.GetFullPath(location, root).StartsWith(root, StringComparison.Ordinal))
            {
                throw new ScoringException(ScoringError.ExternalData, $"'{name}' refers to data outside of its folder: '{location}'");
            }

            var target = new FileInfo(Path.GetFullPath(location, root));
            if (!target.Exists || target.LinkTarget is not null)
            {
                throw new ScoringException(ScoringError.ExternalData, $"'{name}' refers to '{location}', which is {(target.Exists ? "a link" : "missing")}");
            }
        }

        return locations.Count > 0;
    }

    private static void Collect(GraphProto graph, List<string> locations)
    {
        Collect(graph.Initializer, locations);
        foreach (var sparse in graph.SparseInitializer)
        {
            Collect(sparse, locations);
        }

        Collect(graph.Node, locations);
    }

    private static void Collect(IEnumerable<NodeProto> nodes, List<string> locations)
    {
        foreach (var attribute in nodes.SelectMany(n => n.Attribute))
        {
            if (attribute.T is not null)
            {
                Collect([attribute.T], locations);
            }

            Collect(attribute.Tensors, locations);
            foreach (var sparse in attribute.SparseTensors.Append(attribute.SparseTensor))
            {
                Collect(sparse, locations);
            }

            foreach (var graph in attribute.Graphs)
            {
                Collect(graph, locations);
            }

            if (attribute.G is not null)
            {
                Collect(attribute.G, locations);
            }
        }
    }

    private static void Collect(SparseTensorProto? sparse, List<string> locations)
    {
        if (sparse is not null)
        {
            Collect(new[] { sparse.Values, sparse.Indices }.OfType<TensorProto>(), locations);
        }
    }

    private static void Collect(IEnumerable<TensorProto> tensors, List<string> locations)
    {
        foreach (var tensor in tensors)
        {
            if (tensor.DataLocation == TensorProto.Types.DataLocation.External || tensor.ExternalData.Count > 0)
            {
                locations.Add(tensor.ExternalData.FirstOrDefault(e => e.Key == "location")?.Value ?? "");
            }
        }
    }
}
