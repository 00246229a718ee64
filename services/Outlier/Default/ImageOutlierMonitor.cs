using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>One variable, <c>score</c>: the image's largest surprisal (see <see cref="ImageScores"/>).</summary>
internal sealed class ImageOutlierMonitor(ImageScores scores, SurprisalMaximum maximum) : RowScoringMonitor([new Variable("score")])
{
    public override void Describe(AlarmContext alarm, FindingDetails details)
    {
        var looks = scores.Score(alarm.Rows.Slice(alarm.Row, 1));
        for (var i = 0; i < looks.Length; i++)
        {
            if (!double.IsNaN(looks[i]))
            {
                details.Measures[ImageScores.Names[i]] = looks[i];
            }
        }

        details.Measures["score"] = maximum.Of(looks).Surprisal;
    }

    protected override void Score(RowBatch rows, Span<float> target) => Combine(scores.Score(rows), target);

    /// <summary>Combines looks, rows × names, to one score a row.</summary>
    internal void Combine(double[] looks, Span<float> target)
    {
        var width = ImageScores.Names.Count;
        for (var r = 0; r < target.Length; r++)
        {
            target[r] = RowOutlierMonitor.Narrow(maximum.Of(looks.AsSpan(r * width, width)).Surprisal);
        }
    }
}
