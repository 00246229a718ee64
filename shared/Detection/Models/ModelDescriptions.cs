using Monitoring.Contracts;

namespace Monitoring.Detection;

/// <summary>What can be known of a model from one of its events.</summary>
public static class ModelDescriptions
{
    /// <summary>
    /// Describes a model from an event: inputs side by side, one image where a single input has four dimensions, columns named
    /// after their tensors; outputs by what their numbers look like. What <paramref name="known"/> says wins. Null when the event carries no readable input.
    /// </summary>
    public static ModelDescription? Infer(InferenceEvent inference, ModelDescription? known = null)
    {
        if (known is { Width: > 0, Outputs.Count: > 0 })
        {
            return known with { Version = inference.ModelVersion };
        }

        var schema = known?.Schema is { Width: > 0 } given ? given : InferSchema(inference);
        return schema is null ? null : new ModelDescription
        {
            Name = inference.Model,
            Version = inference.ModelVersion,
            Sha256 = known?.Sha256 ?? "",
            Schema = schema,
            InputTensors = known?.InputTensors ?? [],
            Outputs = known is { Outputs.Count: > 0 } ? known.Outputs : InferOutputs(inference),
        };
    }

    private static ModelSchema? InferSchema(InferenceEvent inference)
    {
        var features = new List<FeatureSchema>();
        var rows = inference.Inputs.Count > 0 ? TensorReader.Rows(inference.Inputs[0]) : 0;
        foreach (var tensor in inference.Inputs)
        {
            var elements = tensor.Artifact is null ? TensorReader.Elements(tensor) : -1;
            if (rows <= 0 || elements <= 0 || elements % rows != 0)
            {
                return null;
            }

            var width = elements / rows;
            if (inference.Inputs.Count == 1 && tensor.Shape.Count == 4 && InferImage(tensor) is { } layout)
            {
                return ModelSchema.ForImage(tensor.Name, layout);
            }

            for (var i = 0; i < width; i++)
            {
                features.Add(new FeatureSchema(width == 1 ? tensor.Name : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{tensor.Name}[{i}]")));
            }
        }

        return features.Count == 0 ? null : new ModelSchema(features);
    }

    private static ImageLayout? InferImage(Tensor tensor)
    {
        var (a, b, c) = ((int)tensor.Shape[1], (int)tensor.Shape[2], (int)tensor.Shape[3]);
        var bytes = string.Equals(tensor.Datatype, "UINT8", StringComparison.Ordinal) ? 255f : 1f;
        return a is 1 or 3 && b >= 8 && c >= 8 ? new ImageLayout(b, c, a, ChannelsFirst: true, 0, bytes)
            : c is 1 or 3 && a >= 8 && b >= 8 ? new ImageLayout(a, b, c, ChannelsFirst: false, 0, bytes)
            : null;
    }

    private static List<OutputTensor> InferOutputs(InferenceEvent inference)
    {
        var outputs = new List<OutputTensor>();
        foreach (var tensor in inference.Outputs)
        {
            var elements = tensor.Artifact is null ? TensorReader.Elements(tensor) : -1;
            var rows = TensorReader.Rows(tensor);
            if (rows <= 0 || elements <= 0 || elements % rows != 0 || string.Equals(tensor.Datatype, "BYTES", StringComparison.Ordinal))
            {
                continue;
            }

            var width = elements / rows;
            var values = new float[elements];
            outputs.Add(new OutputTensor(tensor.Name, width, TensorReader.TryRead(tensor, values) ? InferRole(tensor, values, width, outputs) : OutputRole.Other));
        }

        return outputs;
    }

    private static OutputRole InferRole(Tensor tensor, float[] values, int width, List<OutputTensor> before)
    {
        var isFloat = tensor.Datatype.StartsWith("FP", StringComparison.Ordinal);
        if (!isFloat)
        {
            return width == 1 ? OutputRole.Label : OutputRole.Other;
        }

        if (width >= 2)
        {
            for (var row = 0; row < values.Length / width; row++)
            {
                var probabilities = values.AsSpan(row * width, width);
                var sum = 0.0;
                foreach (var p in probabilities)
                {
                    sum += p is >= 0 and <= 1.0001f ? p : double.NaN;
                }

                if (!(Math.Abs(sum - 1) < 1e-2))
                {
                    return before.Exists(o => o.Role is OutputRole.Probabilities or OutputRole.Logits) ? OutputRole.Embedding : width <= 16 ? OutputRole.Logits : OutputRole.Embedding;
                }
            }

            return OutputRole.Probabilities;
        }

        return before.Count == 0 ? OutputRole.Regression : OutputRole.Other;
    }
}
