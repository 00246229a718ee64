namespace Monitoring.Alerting.Receivers;

/// <summary>A provider's rate limit, kept on our side: <paramref name="Burst"/> calls at once, then one per <paramref name="Interval"/>.</summary>
internal sealed record Pace(TimeSpan Interval, int Burst)
{
    public static Pace None { get; } = new(TimeSpan.Zero, int.MaxValue);
}
