using System.Globalization;

namespace Monitoring.Hosting.Configuration;

/// <summary>One error of a configuration file.</summary>
/// <param name="File">File.</param>
/// <param name="Line">1-based line; 0 when the error has no line.</param>
/// <param name="Path">Path of the key, for example <c>models[0].monitors[1].kind</c>.</param>
/// <param name="Message">What is wrong, and the allowed values.</param>
public sealed record ConfigurationError(string File, int Line, string Path, string Message)
{
    public override string ToString() => Line > 0
        ? string.Create(CultureInfo.InvariantCulture, $"{File}:{Line}: {Path}: {Message}")
        : $"{File}: {Path}: {Message}";
}
