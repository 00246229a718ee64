using Monitoring.Contracts;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>An infer request or response as read from the wire.</summary>
internal sealed class InferMessage
{
    public string? Id { get; set; }

    /// <summary>Of a response.</summary>
    public string? ModelName { get; set; }

    /// <summary>Of a response.</summary>
    public string? ModelVersion { get; set; }

    /// <summary>Inputs of a request, outputs of a response.</summary>
    public List<ScoringTensor> Tensors { get; } = [];

    /// <summary><c>outputs</c> of a request; null where it names none.</summary>
    public List<RequestedOutput>? RequestedOutputs { get; set; }

    /// <summary>The request's <c>binary_data_output</c>.</summary>
    public bool BinaryOutputs { get; set; }

    /// <summary>Request parameters but those of the binary extension, as text.</summary>
    public List<Contracts.Attribute> Parameters { get; } = [];
}
