namespace Monitoring.Statistics;

/// <summary>The direction a test looks in.</summary>
public enum Alternative
{
    TwoSided,
    Less,
    Greater,
}
