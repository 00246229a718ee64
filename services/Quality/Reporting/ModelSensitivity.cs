using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality.Reporting;

/// <summary>
/// What a change of one feature does to the model: reference rows go through the model as they are, and once more with this feature moved as little as it takes to have the data's distribution (numbers
/// by quantiles, categories by keeping what both sides share). The impact is the mean change of the answer in its <see cref="AnswerUnit"/>.
/// Change × sensitivity in one number; 0 where the feature did not move or the model does not look at it.
/// </summary>
internal static class ModelSensitivity
{
    private const int MostRows = 1000;

    /// <param name="schema">Schema of a row; images have no features to move.</param>
    /// <param name="reference">Reference rows.</param>
    /// <param name="data">Rows of the data.</param>
    /// <param name="predict">The model: rows × width to rows × outputs.</param>
    /// <param name="isProbabilities">Whether outputs are probabilities.</param>
    /// <returns>Impact per feature.</returns>
    public static double[] Impacts(ModelSchema schema, ReportSample reference, ReportSample data, Func<float[], int, float[]> predict, bool isProbabilities)
    {
        var width = schema.Width;
        var rows = Math.Min(MostRows, reference.Rows);
        var step = (double)reference.Rows / rows;
        var inputs = new float[rows * width];
        for (var r = 0; r < rows; r++)
        {
            reference.Inputs.AsSpan((int)(r * step) * width, width).CopyTo(inputs.AsSpan(r * width));
        }

        var usual = predict(inputs, rows);
        var outputs = usual.Length / rows;
        var unit = AnswerUnit.Of(isProbabilities, outputs, usual);
        var impacts = new double[schema.Features.Count];
        for (var f = 0; f < impacts.Length; f++)
        {
            var moved = inputs.ToArray();
            Move(schema.Features[f], Column(reference, width, f), Column(data, width, f), moved, rows, width, f);
            var answers = predict(moved, rows);
            double sum = 0;
            for (var i = 0; i < answers.Length; i++)
            {
                sum += Math.Abs(answers[i] - usual[i]);
            }

            impacts[f] = sum / rows / unit;
        }

        return impacts;
    }

    private static void Move(FeatureSchema feature, double[] reference, double[] data, float[] inputs, int rows, int width, int column)
    {
        if (feature.Type == FeatureType.Categorical)
        {
            MoveCategories(reference, data, inputs, rows, width, column);
            return;
        }

        SortedReference from = new(reference), to = new(data);
        if (from.Count == 0 || to.Count == 0)
        {
            return;
        }

        for (var r = 0; r < rows; r++)
        {
            ref var value = ref inputs[(r * width) + column];
            if (float.IsFinite(value))
            {
                // A place among equal values drawn for the row: an atom may split.
                int below = from.CountBelow(value), end = from.CountAtOrBelow(value);
                var rank = (below + (Mixing.Uniform((ulong)r) * Math.Max(1, end - below))) / from.Count;
                value = (float)to.Values[Math.Min(to.Count - 1, (int)(rank * to.Count))];
            }
        }
    }

    private static void MoveCategories(double[] reference, double[] data, float[] inputs, int rows, int width, int column)
    {
        var p = Shares(reference);
        var q = Shares(data);
        var gain = q.Select(c => (Code: c.Key, Mass: Math.Max(0, c.Value - p.GetValueOrDefault(c.Key)))).Where(c => c.Mass > 0 && c.Code >= 0).ToList();
        var total = gain.Sum(g => g.Mass);
        for (var r = 0; r < rows; r++)
        {
            ref var value = ref inputs[(r * width) + column];
            if (!float.IsFinite(value) || total <= 0 || !p.TryGetValue(value, out var had) || Mixing.Uniform((ulong)r) < q.GetValueOrDefault(value) / had)
            {
                continue;
            }

            var draw = Mixing.Uniform((ulong)r + (1UL << 32)) * total;
            foreach (var (code, mass) in gain)
            {
                value = (float)code;
                draw -= mass;
                if (draw < 0)
                {
                    break;
                }
            }
        }
    }

    private static SortedDictionary<double, double> Shares(double[] values)
    {
        var shares = new SortedDictionary<double, double>();
        var present = values.Count(double.IsFinite);
        foreach (var value in values.Where(double.IsFinite))
        {
            shares[value] = shares.GetValueOrDefault(value) + (1.0 / present);
        }

        return shares;
    }

    private static double[] Column(ReportSample sample, int width, int column)
    {
        var values = new double[sample.Rows];
        for (var r = 0; r < values.Length; r++)
        {
            values[r] = sample.Inputs[(r * width) + column];
        }

        return values;
    }
}
