namespace Monitoring.Detection;

/// <summary>Options that cannot be: one sentence per error.</summary>
public sealed class MonitorOptionsException(IReadOnlyList<string> errors) : Exception(string.Join(Environment.NewLine, errors))
{
    public IReadOnlyList<string> Errors { get; } = errors;
}
