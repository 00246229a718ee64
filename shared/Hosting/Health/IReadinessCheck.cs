namespace Monitoring.Hosting;

/// <summary>
/// One condition of <c>/health/ready</c>. Many may be registered (<c>TryAddEnumerable</c>); all must hold: the log reachable, state restored,
/// lag below its limit.
/// </summary>
public interface IReadinessCheck
{
    string Name { get; }

    /// <summary>Null when ready, else the reason for people.</summary>
    ValueTask<string?> CheckAsync(CancellationToken cancellationToken);
}
