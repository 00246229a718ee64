namespace Monitoring.Hosting;

/// <summary>What became of a reload.</summary>
/// <param name="Errors">Why it was refused; empty when it was not.</param>
/// <param name="Applied">Keys that took effect.</param>
/// <param name="AtNextStart">Keys that differ and take effect only at the next start.</param>
public sealed record ReloadResult(IReadOnlyList<string> Errors, IReadOnlyList<string> Applied, IReadOnlyList<string> AtNextStart);
