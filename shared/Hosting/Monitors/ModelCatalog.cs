using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Hosting;

/// <summary>What can be said of the configured models before their first event: names from the schema file, widths and roles from the ONNX file.</summary>
public sealed class ModelCatalog(LoadedConfiguration configuration, ScoringRuntime scoring)
{
    /// <summary>The description of a configured model's current version; null when only its events can tell (an upstream model or a logger, without a schema file).</summary>
    public ModelDescription? Describe(ModelConfiguration model)
    {
        var schema = model.Schema is { } file ? SchemaFile.Read(configuration.Resolve(file)) : null;
        if (model.Onnx is not { } onnx)
        {
            return schema is null ? null : new ModelDescription { Name = model.Name, Version = model.Version, Schema = schema };
        }

        using var loaded = scoring.LoadFile(model.Name, configuration.Resolve(onnx.Path), onnx.Sha256);
        var known = new ModelDescription { Name = model.Name, Version = model.Version, Sha256 = loaded.Sha256, Schema = schema ?? new ModelSchema([]) };

        // One row of zeros through the model shows widths, and by what the numbers look like, roles.
        var inputs = loaded.Inputs.Select(i => Zeros(i)).ToList();
        var outputs = loaded.Run(inputs);
        var sample = new InferenceEvent { Model = model.Name, ModelVersion = model.Version };
        sample.Inputs.AddRange(inputs.Select(ToEventTensor));
        sample.Outputs.AddRange(outputs.Select(ToEventTensor));
        return ModelDescriptions.Infer(sample, known);
    }

    /// <summary>Runs rows through a configured ONNX model: the outputs in the order of the description.</summary>
    /// <param name="model">Configuration of the model.</param>
    /// <param name="description">From <see cref="Describe"/>.</param>
    /// <param name="inputs">rows × width, row-major.</param>
    /// <param name="rows">Rows.</param>
    /// <returns>One array per output, rows × its width; null when the model is not served here.</returns>
    public float[][]? Run(ModelConfiguration model, ModelDescription description, float[] inputs, int rows)
    {
        if (model.Onnx is not { } onnx)
        {
            return null;
        }

        const int batch = 256;
        using var loaded = scoring.LoadFile(model.Name, configuration.Resolve(onnx.Path), onnx.Sha256);
        if (loaded.Inputs.Count != 1 || loaded.Inputs[0].Type != TensorType.Float32)
        {
            throw new InvalidDataException($"model '{model.Name}': reference rows can be run through a model with one FP32 input only; it has {string.Join(", ", loaded.Inputs.Select(i => $"{i.Name} {i.Type.ProtocolName()}"))}");
        }

        var results = description.Outputs.Select(o => new float[rows * o.Width]).ToArray();
        for (var start = 0; start < rows; start += batch)
        {
            var count = Math.Min(batch, rows - start);
            long[] shape = [count, .. loaded.Inputs[0].Shape.Skip(1)];
            var tensor = ScoringTensor.Create(loaded.Inputs[0].Name, (ReadOnlyMemory<float>)inputs.AsMemory(start * description.Width, count * description.Width), shape);
            var outputs = loaded.Run([tensor], [.. description.Outputs.Select(o => o.Name)]);
            for (var o = 0; o < results.Length; o++)
            {
                outputs[o].AsSpan<float>().CopyTo(results[o].AsSpan(start * description.Outputs[o].Width));
            }
        }

        return results;
    }

    /// <summary>Runs rows through the configured model that a description speaks of; null where that version, or that file of it, is not configured.</summary>
    /// <inheritdoc cref="ModelAnswers"/>
    public float[][]? Answer(ModelDescription model, float[] inputs, int rows)
    {
        if (configuration.Value.Models.FirstOrDefault(m => string.Equals(m.Name, model.Name, StringComparison.Ordinal) && string.Equals(m.Version, model.Version, StringComparison.Ordinal)) is not { Onnx: { } onnx } known)
        {
            return null;
        }

        using (var loaded = scoring.LoadFile(known.Name, configuration.Resolve(onnx.Path), onnx.Sha256))
        {
            if (model.Sha256.Length > 0 && !string.Equals(loaded.Sha256, model.Sha256, StringComparison.Ordinal))
            {
                return null;
            }
        }

        return Run(known, model, inputs, rows);
    }

    private static ScoringTensor Zeros(TensorInfo input)
    {
        var shape = input.Shape.Select(d => d < 0 ? 1 : d).ToArray();
        var elements = shape.Aggregate(1L, (a, b) => a * b);
        return new ScoringTensor(input.Name, input.Type, shape, new byte[elements * (input.Type == TensorType.Bytes ? 4 : input.Type.Size())]);
    }

    private static Tensor ToEventTensor(ScoringTensor tensor)
    {
        var result = new Tensor { Name = tensor.Name, Datatype = tensor.Type.ProtocolName(), Data = UnsafeByteOperations.UnsafeWrap(tensor.Data) };
        result.Shape.AddRange(tensor.Shape);
        return result;
    }
}
