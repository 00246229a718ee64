namespace Monitoring.Detection;

/// <summary>An output tensor of a model.</summary>
/// <param name="Name">As in the event.</param>
/// <param name="Width">Floats per row.</param>
/// <param name="Role">What its numbers are.</param>
public sealed record OutputTensor(string Name, int Width, OutputRole Role);

/// <summary>What the numbers of an output tensor are.</summary>
public enum OutputRole
{
    /// <summary>Class probabilities that sum to 1 (width ≥ 2), or the probability of the positive class (width 1).</summary>
    Probabilities,

    /// <summary>Unnormalised class scores.</summary>
    Logits,

    /// <summary>Index of the predicted class.</summary>
    Label,

    /// <summary>Predicted numbers.</summary>
    Regression,

    /// <summary>Embedding for monitoring, usually the penultimate layer; callers may never see it.</summary>
    Embedding,

    /// <summary>Anything else that the model exports.</summary>
    Other,
}
