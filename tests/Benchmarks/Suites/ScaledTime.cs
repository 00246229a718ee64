namespace Monitoring.Benchmarks.Suites;

/// <summary>A wall clock that runs faster, so that a minute's load covers hours of log time. Timers and stopwatches stay real.</summary>
internal sealed class ScaledTime(double factor) : TimeProvider
{
    private readonly DateTimeOffset _start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly long _origin = System.GetTimestamp();

    public override DateTimeOffset GetUtcNow() => _start + (System.GetElapsedTime(_origin) * factor);
}
