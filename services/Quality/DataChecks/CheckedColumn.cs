using Monitoring.Detection;

namespace Monitoring.Quality;

/// <summary>What the reference says about a column.</summary>
/// <param name="Name">For people.</param>
/// <param name="Feature">Its schema.</param>
/// <param name="Minimum">Smallest finite reference value; NaN without one.</param>
/// <param name="Maximum">Largest finite reference value; NaN without one.</param>
/// <param name="MissingShare">Share of missing reference values.</param>
/// <param name="Infinite">Infinite reference values.</param>
/// <param name="RepeatShare">Estimated probability that a value repeats the one before it.</param>
internal sealed record CheckedColumn(string Name, FeatureSchema Feature, double Minimum, double Maximum, double MissingShare, double Infinite, double RepeatShare);
