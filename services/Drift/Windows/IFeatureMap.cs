namespace Monitoring.Drift;

/// <summary>Numbers computed from a row in whose means a change is looked for. Pure.</summary>
internal interface IFeatureMap
{
    int Count { get; }

    void Map(ReadOnlySpan<float> row, Span<float> target);
}
