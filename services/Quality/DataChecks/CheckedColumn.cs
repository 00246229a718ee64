using Monitoring.Detection;

namespace Monitoring.Quality;

/// <summary>What the reference says about a column, or about an image as a whole.</summary>
/// <param name="Name">For people.</param>
/// <param name="Feature">Its schema.</param>
/// <param name="Start">First float in the row.</param>
/// <param name="Minimum">Smallest finite reference value; NaN without one.</param>
/// <param name="Maximum">Largest finite reference value; NaN without one.</param>
/// <param name="MissingRate">Upper bound of the usual share of rows where it is missing.</param>
/// <param name="InfiniteRate">Upper bound of the usual share of rows where it is infinite.</param>
/// <param name="RangeRate">Upper bound of the usual share of rows out of the allowed range.</param>
/// <param name="UnseenRate">Upper bound of the usual share of rows with a category that the reference has not seen (Good–Turing).</param>
/// <param name="Repeats">How usual it is that a value repeats.</param>
internal sealed record CheckedColumn(
    string Name,
    FeatureSchema Feature,
    int Start,
    double Minimum,
    double Maximum,
    double MissingRate,
    double InfiniteRate,
    double RangeRate,
    double UnseenRate,
    RepeatRates Repeats)
{
    /// <summary>The value whose standing still is watched: the number itself; of an image the mean of its pixels.</summary>
    public static float Level(FeatureSchema feature, ReadOnlySpan<float> values)
    {
        if (feature.Type != FeatureType.Image)
        {
            return values[0];
        }

        double sum = 0;
        foreach (var value in values)
        {
            sum += value;
        }

        return (float)(sum / values.Length);
    }
}
