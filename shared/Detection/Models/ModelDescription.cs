namespace Monitoring.Detection;

/// <summary>What the runtime knows of a model version: enough to read its events as rows.</summary>
public sealed record ModelDescription
{
    public required string Name { get; init; }

    public required string Version { get; init; }

    /// <summary>Lower-case hexadecimal hash of the model file; empty when unknown (an upstream model).</summary>
    public string Sha256 { get; init; } = "";

    public required ModelSchema Schema { get; init; }

    /// <summary>
    /// Names of the input tensors that make a row, in order; their trailing dimensions are laid side by side. One tensor [n, d]
    /// or d tensors [n] or [n, 1]. Empty: all inputs of the event, in its order.
    /// </summary>
    public IReadOnlyList<string> InputTensors { get; init; } = [];

    /// <summary>Output tensors that monitors may read, exported ones included. Others are ignored.</summary>
    public IReadOnlyList<OutputTensor> Outputs { get; init; } = [];

    /// <summary>Floats in a row of inputs.</summary>
    public int Width => Schema.Width;

    /// <summary>Index into <see cref="Outputs"/> of the first tensor with this role; -1 for none.</summary>
    public int IndexOf(OutputRole role)
    {
        for (var i = 0; i < Outputs.Count; i++)
        {
            if (Outputs[i].Role == role)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Index into <see cref="Outputs"/> by name; -1 for none.</summary>
    public int IndexOf(string output)
    {
        for (var i = 0; i < Outputs.Count; i++)
        {
            if (string.Equals(Outputs[i].Name, output, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }
}
