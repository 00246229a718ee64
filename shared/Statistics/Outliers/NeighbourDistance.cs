namespace Monitoring.Statistics;

/// <summary>Which summary of the k neighbour distances is the score.</summary>
public enum NeighbourDistance
{
    /// <summary>The distance to the k-th neighbour (Ramaswamy et al. 2000).</summary>
    Largest,

    /// <summary>The mean of the k distances (Angiulli and Pizzuti 2002).</summary>
    Mean,

    /// <summary>Their median.</summary>
    Median,
}
