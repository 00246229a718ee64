namespace Monitoring.Statistics;

/// <summary>Which changes of a mean a sequential test looks for.</summary>
public enum ChangeDirection
{
    Both,
    Up,
    Down,
}
