using Monitoring.Detection;

namespace Monitoring.Extraction;

/// <summary>How far a near copy lies from its original: noise, brightness, another compression. Honest clients send them, and <c>query-similarity</c> is the monitor of those who send too many.</summary>
internal static class NearCopy
{
    /// <summary>Root mean square change of a column, in parts of its range (images) or its spread (rows): what <c>query-similarity</c> still links on images.</summary>
    private const double Change = 0.03;

    /// <summary>Distance between scaled inputs up to which one is a near copy of the other.</summary>
    /// <param name="model">The model.</param>
    /// <param name="scales">Factor on every column; 0 for a constant one.</param>
    public static double Distance(ModelDescription model, float[] scales) =>
        Change * (model.Schema.Image is { } image ? image.Maximum - image.Minimum : 1) * Math.Sqrt(scales.Count(s => s > 0));
}
