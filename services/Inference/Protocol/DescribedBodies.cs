using System.Text.Json;
using System.Text.Json.Serialization;

namespace Monitoring.Inference;

/// <summary>The protocol's bodies, for the API's description only: they are read and written without objects.</summary>
internal static class DescribedBodies
{
    /// <summary>The protocol's request.</summary>
    /// <param name="Id">Comes back in the answer.</param>
    /// <param name="Parameters">Kept in the event.</param>
    /// <param name="Inputs">Tensors.</param>
    /// <param name="Outputs">Which outputs are wanted; all when absent.</param>
    internal sealed record InferBody(string? Id, IReadOnlyDictionary<string, JsonElement>? Parameters, IReadOnlyList<TensorBody> Inputs, IReadOnlyList<RequestedOutputBody>? Outputs);

    /// <summary>A tensor of a request or an answer.</summary>
    /// <param name="Name">Name.</param>
    /// <param name="Datatype">BOOL, UINT8 to UINT64, INT8 to INT64, FP16, FP32, FP64, BYTES.</param>
    /// <param name="Shape">Rows first.</param>
    /// <param name="Parameters">binary_data_size for a binary tensor, whose bytes follow the JSON.</param>
    /// <param name="Data">Row-major, flat or nested; absent for a binary tensor.</param>
    internal sealed record TensorBody(string Name, string Datatype, IReadOnlyList<long> Shape, IReadOnlyDictionary<string, JsonElement>? Parameters, JsonElement? Data);

    /// <summary>A wanted output.</summary>
    internal sealed record RequestedOutputBody(string Name, IReadOnlyDictionary<string, JsonElement>? Parameters);

    /// <summary>The protocol's answer.</summary>
    internal sealed record InferAnswerBody([property: JsonPropertyName("model_name")] string ModelName, [property: JsonPropertyName("model_version")] string ModelVersion, string? Id, IReadOnlyList<TensorBody> Outputs);

    /// <summary>The protocol's description of a model.</summary>
    internal sealed record ModelBody(string Name, IReadOnlyList<string> Versions, string Platform, IReadOnlyList<TensorDescriptionBody> Inputs, IReadOnlyList<TensorDescriptionBody> Outputs);

    /// <summary>A tensor of a model; -1 is a dimension of any size.</summary>
    internal sealed record TensorDescriptionBody(string Name, string Datatype, IReadOnlyList<long> Shape);
}
