using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Adversarial;

/// <summary>The watched models as files, for monitors that ask the model again.</summary>
internal sealed class ServedModels(LoadedConfiguration configuration, ScoringRuntime scoring)
{
    /// <summary>Loads the file that serves this version, or the given one.</summary>
    /// <exception cref="FitException">The model is not served here and no file is given.</exception>
    public ScoringModel Load(ModelDescription model, string file)
    {
        var configured = configuration.Value.Models.FirstOrDefault(m => string.Equals(m.Name, model.Name, StringComparison.Ordinal));
        var onnx = configured?.Versions.FirstOrDefault(v => string.Equals(v.Version, model.Version, StringComparison.Ordinal))?.Onnx ?? configured?.Onnx;
        var path = file.Length > 0 ? file : onnx?.Path
            ?? throw new FitException($"model {model.Name} {model.Version} is not served here: give its ONNX file in the option 'file'");
        return scoring.LoadFile($"{model.Name} for monitors", configuration.Resolve(path), file.Length > 0 ? null : onnx?.Sha256);
    }

    /// <summary>Probabilities of rows that are not in the log.</summary>
    /// <returns>rows × classes, row-major.</returns>
    public static float[] Probabilities(ScoringModel model, ModelDescription description, float[] inputs, int rows, CancellationToken cancellationToken)
    {
        var output = description.Outputs[description.IndexOf(OutputRole.Probabilities)].Name;
        long[] shape = [rows, .. model.Inputs[0].Shape.Skip(1)];
        return model.Run([ScoringTensor.Create(model.Inputs[0].Name, inputs, shape)], [output], cancellationToken)[0].AsSpan<float>().ToArray();
    }
}
