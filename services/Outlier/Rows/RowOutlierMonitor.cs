using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>One variable, <c>score</c>: the row's outlier score against the profile's reference.</summary>
internal sealed class RowOutlierMonitor(RowEncoder encoder, IRowScorer scorer)
    : RowScoringMonitor([new Variable("score")])
{
    private const int NamedColumns = 3;

    public override void Describe(AlarmContext alarm, FindingDetails details)
    {
        var row = alarm.Rows.Slice(alarm.Row, 1);
        var encoded = encoder.Encode(row);
        var score = new double[1];
        scorer.Score(encoded, score);
        details.Measures["score"] = score[0];
        var features = alarm.Rows.Model.Schema.Features;
        if (alarm.Rows.Model.Schema.Image is not null)
        {
            return;
        }

        // The columns furthest from usual, in standard deviations.
        var furthest = Enumerable.Range(0, features.Count)
            .Where(c => !features[c].Sensitive)
            .Select(c => (Name: features[c].Name, Distance: encoder.Standardises ? encoded[c] : encoded[c] / encoder.Deviations[c]))
            .OrderByDescending(c => Math.Abs(c.Distance))
            .Take(NamedColumns);
        foreach (var (name, distance) in furthest)
        {
            details.Measures["deviations " + name] = distance;
        }
    }

    protected override void Score(RowBatch rows, Span<float> scores)
    {
        var values = new double[rows.Count];
        scorer.Score(encoder.Encode(rows), values);
        for (var i = 0; i < values.Length; i++)
        {
            scores[i] = Narrow(values[i]);
        }
    }

    /// <summary>The score as it is observed: single precision, finite.</summary>
    internal static float Narrow(double score) => (float)Math.Clamp(score, float.MinValue, float.MaxValue);
}
