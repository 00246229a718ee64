namespace Monitoring.Statistics;

/// <summary>Makes the search over finite reference rows, row-major.</summary>
public delegate INeighbourSearch NeighbourSearchFactory(ReadOnlySpan<double> reference, int columns);
