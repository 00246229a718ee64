namespace Monitoring.Inference;

/// <summary>An entry of a request's <c>outputs</c>.</summary>
/// <param name="Name">Output.</param>
/// <param name="Binary">The parameter <c>binary_data</c>; null where it is not given.</param>
internal readonly record struct RequestedOutput(string Name, bool? Binary);
