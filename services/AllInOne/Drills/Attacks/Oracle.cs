namespace Monitoring.AllInOne.Drills;

/// <summary>The attacked model as its callers see it: inputs in, class probabilities out.</summary>
/// <param name="inputs">rows × width, row-major.</param>
/// <param name="rows">Number of inputs.</param>
/// <returns>rows × classes, row-major.</returns>
internal delegate ValueTask<float[]> Oracle(float[] inputs, int rows);
