namespace Monitoring.Detection;

/// <summary>Asks a model that is at hand.</summary>
/// <param name="model">The model version that is meant.</param>
/// <param name="inputs">rows × width, row-major.</param>
/// <param name="rows">Rows.</param>
/// <returns>One array per entry of <see cref="ModelDescription.Outputs"/>, rows × its width; null where the version is not served here.</returns>
public delegate float[][]? ModelAnswers(ModelDescription model, float[] inputs, int rows);
