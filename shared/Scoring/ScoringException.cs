namespace Monitoring.Scoring;

/// <summary>Scoring's own error; the message is fit for the person who configured or called the model.</summary>
public sealed class ScoringException(ScoringError error, string message, Exception? inner = null) : Exception(message, inner)
{
    public ScoringError Error { get; } = error;
}

/// <summary>Why scoring refused.</summary>
public enum ScoringError
{
    /// <summary>The model file is not an ONNX model that this build can run.</summary>
    Format,

    /// <summary>The model file is larger than allowed.</summary>
    TooLarge,

    /// <summary>The model refers to data outside of its folder.</summary>
    ExternalData,

    /// <summary>The model's SHA-256 is not the pinned one.</summary>
    HashMismatch,

    /// <summary>An input does not fit the model: unknown or missing name, datatype, shape or size.</summary>
    Input,

    /// <summary>An output that the model does not have was asked for.</summary>
    Output,

    /// <summary>The device asked for by name is absent.</summary>
    Device,

    /// <summary>The model failed while it ran.</summary>
    Run,
}
