namespace Monitoring.Explainer;

/// <summary>An explanation as people see it.</summary>
/// <param name="Extension"><c>png</c> or <c>svg</c>.</param>
/// <param name="Content">The file.</param>
internal sealed record Drawing(string Extension, byte[] Content);
