namespace Monitoring.Statistics;

/// <summary>
/// Realised performance against true labels, with intervals that treat rows as independent: accuracy by Wilson (1927); log-loss, Brier score and MAE by the normal law of a mean; RMSE by the delta
/// method; AUROC by DeLong, DeLong and Clarke-Pearson (1988); F1 (macro over the classes when there are more than two) and the calibration error (top label, ten bins of equal count; Guo et al. 2017) by percentiles of
/// a bootstrap whose draws are fixed.
/// </summary>
public static class PerformanceMeasures
{
    /// <summary>Two-sided 95 %.</summary>
    public const double Z95 = 1.959963984540054;

    private const int Replicates = 200;
    private const int CalibrationBins = 10;

    /// <summary>Smallest probability in a logarithm.</summary>
    private const double Floor = 1e-15;

    /// <param name="truth">True class per row, ≥ 0.</param>
    /// <param name="predicted">Predicted class per row.</param>
    /// <param name="probabilities">rows × <paramref name="classes"/>; empty when there are none.</param>
    /// <param name="classes">Number of classes, at least 2.</param>
    /// <param name="z">Normal quantile of the intervals.</param>
    public static IReadOnlyList<MeasureInterval> OfClassifier(ReadOnlySpan<int> truth, ReadOnlySpan<int> predicted, ReadOnlySpan<float> probabilities, int classes, double z = Z95)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 2);
        if (truth.Length != predicted.Length || (!probabilities.IsEmpty && probabilities.Length != truth.Length * classes))
        {
            throw new ArgumentException($"{truth.Length} labels, {predicted.Length} predictions, {probabilities.Length} probabilities of {classes} classes", nameof(predicted));
        }

        var n = truth.Length;
        var right = 0;
        for (var i = 0; i < n; i++)
        {
            right += truth[i] == predicted[i] ? 1 : 0;
        }

        var rows = new int[n];
        for (var i = 0; i < n; i++)
        {
            rows[i] = i;
        }

        int[] t = truth.ToArray(), p = predicted.ToArray();
        var result = new List<MeasureInterval>
        {
            Share("accuracy", right, n, z),
            Bootstrap("f1", n, z, rows, sample => F1(t, p, sample, classes)),
        };
        if (probabilities.IsEmpty)
        {
            return result;
        }

        double[] loss = new double[n], brier = new double[n], top = new double[n];
        var hit = new bool[n];
        for (var i = 0; i < n; i++)
        {
            var row = probabilities.Slice(i * classes, classes);
            double squares = 0;
            var best = 0;
            for (var c = 0; c < classes; c++)
            {
                var difference = row[c] - (c == truth[i] ? 1.0 : 0);
                squares += difference * difference;
                best = row[c] > row[best] ? c : best;
            }

            loss[i] = -Math.Log(Math.Clamp(truth[i] < classes ? row[truth[i]] : 0, Floor, 1));
            brier[i] = classes == 2 ? squares / 2 : squares;
            (top[i], hit[i]) = (row[best], best == truth[i]);
        }

        if (classes == 2)
        {
            var scores = new double[n];
            var positive = new bool[n];
            for (var i = 0; i < n; i++)
            {
                (scores[i], positive[i]) = (probabilities[(2 * i) + 1], truth[i] == 1);
            }

            result.Add(AreaUnderRoc(scores, positive, z));
        }

        result.Add(Mean("log-loss", loss, z));
        result.Add(Mean("brier", brier, z));

        // In the order of the score once: a bin is then a run of the sorted sample.
        Array.Sort(top.ToArray(), rows);
        result.Add(Bootstrap("calibration-error", n, z, rows, sample => CalibrationError(top, hit, sample)));
        return result;
    }

    /// <param name="truth">True number per row.</param>
    /// <param name="predicted">Predicted number per row.</param>
    /// <param name="z">Normal quantile of the intervals.</param>
    public static IReadOnlyList<MeasureInterval> OfRegressor(ReadOnlySpan<double> truth, ReadOnlySpan<double> predicted, double z = Z95)
    {
        if (truth.Length != predicted.Length)
        {
            throw new ArgumentException($"{truth.Length} labels, {predicted.Length} predictions", nameof(predicted));
        }

        double[] absolute = new double[truth.Length], squares = new double[truth.Length];
        for (var i = 0; i < truth.Length; i++)
        {
            absolute[i] = Math.Abs(predicted[i] - truth[i]);
            squares[i] = absolute[i] * absolute[i];
        }

        // √ of the mean square: its standard error is that of the mean square over twice the root.
        var mean = Mean("rmse", squares, z);
        var root = Math.Sqrt(mean.Value);
        var half = root > 0 ? (mean.High - mean.Value) / (2 * root) : 0;
        return [Mean("mae", absolute, z), new MeasureInterval("rmse", root, Math.Max(0, root - half), root + half, truth.Length)];
    }

    /// <summary>A share with its Wilson interval.</summary>
    public static MeasureInterval Share(string name, double hits, long rows, double z = Z95)
    {
        if (rows == 0)
        {
            return new MeasureInterval(name, double.NaN, double.NaN, double.NaN, 0);
        }

        var share = hits / rows;
        var scale = 1 + (z * z / rows);
        var centre = (share + (z * z / (2 * rows))) / scale;
        var half = z * Math.Sqrt((share * (1 - share) / rows) + (z * z / (4.0 * rows * rows))) / scale;
        return new MeasureInterval(name, share, Math.Max(0, centre - half), Math.Min(1, centre + half), rows);
    }

    /// <summary>A mean of non-negative values with its normal interval, cut at zero.</summary>
    public static MeasureInterval Mean(string name, ReadOnlySpan<double> values, double z = Z95)
    {
        double sum = 0, squares = 0;
        foreach (var value in values)
        {
            sum += value;
        }

        var mean = sum / values.Length;
        foreach (var value in values)
        {
            squares += (value - mean) * (value - mean);
        }

        var half = values.Length > 1 ? z * Math.Sqrt(squares / (values.Length - 1) / values.Length) : double.PositiveInfinity;
        return new MeasureInterval(name, mean, Math.Max(0, mean - half), mean + half, values.Length);
    }

    /// <summary>AUROC with DeLong's interval; NaN when a class is missing.</summary>
    public static MeasureInterval AreaUnderRoc(ReadOnlySpan<double> scores, ReadOnlySpan<bool> labels, double z = Z95)
    {
        var value = RankedClassification.AreaUnderRoc(scores, labels);
        if (double.IsNaN(value))
        {
            return new MeasureInterval("auroc", double.NaN, double.NaN, double.NaN, scores.Length);
        }

        // Placements: for a positive the share of negatives below it, for a negative the share of positives above it, ties half.
        var sorted = scores.ToArray();
        var sortedLabels = labels.ToArray();
        Array.Sort(sorted, sortedLabels);
        double positives = 0;
        foreach (var label in labels)
        {
            positives += label ? 1 : 0;
        }

        var negatives = scores.Length - positives;
        double positivesBelow = 0, negativesBelow = 0, ofPositives = 0, ofNegatives = 0;
        for (var i = 0; i < sorted.Length;)
        {
            double tied = 0, tiedPositives = 0;
            var at = sorted[i];
            for (; i < sorted.Length && sorted[i] == at; i++)
            {
                tied++;
                tiedPositives += sortedLabels[i] ? 1 : 0;
            }

            var tiedNegatives = tied - tiedPositives;
            var placement = (negativesBelow + (tiedNegatives / 2)) / negatives;
            ofPositives += tiedPositives * (placement - value) * (placement - value);
            placement = (positives - positivesBelow - (tiedPositives / 2)) / positives;
            ofNegatives += tiedNegatives * (placement - value) * (placement - value);
            positivesBelow += tiedPositives;
            negativesBelow += tiedNegatives;
        }

        var variance = (positives > 1 ? ofPositives / (positives - 1) / positives : 0.25) + (negatives > 1 ? ofNegatives / (negatives - 1) / negatives : 0.25);
        var half = z * Math.Sqrt(variance);
        return new MeasureInterval("auroc", value, Math.Max(0, value - half), Math.Min(1, value + half), scores.Length);
    }

    private static double F1(int[] truth, int[] predicted, int[] rows, int classes)
    {
        Span<int> both = classes <= 256 ? stackalloc int[classes] : new int[classes];
        Span<int> either = classes <= 256 ? stackalloc int[classes] : new int[classes];
        foreach (var row in rows)
        {
            if (truth[row] < classes)
            {
                either[truth[row]]++;
                both[truth[row]] += truth[row] == predicted[row] ? 1 : 0;
            }

            if (predicted[row] >= 0 && predicted[row] < classes)
            {
                either[predicted[row]]++;
            }
        }

        if (classes == 2)
        {
            return either[1] == 0 ? double.NaN : 2.0 * both[1] / either[1];
        }

        double sum = 0;
        var present = 0;
        for (var c = 0; c < classes; c++)
        {
            sum += either[c] > 0 ? 2.0 * both[c] / either[c] : 0;
            present += either[c] > 0 ? 1 : 0;
        }

        return present == 0 ? double.NaN : sum / present;
    }

    /// <param name="top">Top probability per row.</param>
    /// <param name="hit">Whether the top class is the true one.</param>
    /// <param name="rows">Rows in ascending order of <paramref name="top"/>.</param>
    private static double CalibrationError(double[] top, bool[] hit, int[] rows)
    {
        double error = 0;
        for (var bin = 0; bin < CalibrationBins; bin++)
        {
            int from = (int)((long)rows.Length * bin / CalibrationBins), to = (int)((long)rows.Length * (bin + 1) / CalibrationBins);
            double difference = 0;
            for (var i = from; i < to; i++)
            {
                difference += top[rows[i]] - (hit[rows[i]] ? 1 : 0);
            }

            error += Math.Abs(difference);
        }

        return rows.Length == 0 ? double.NaN : error / rows.Length;
    }

    /// <summary>Percentiles over fixed draws. Each replicate is handed in the order of <paramref name="rows"/>.</summary>
    private static MeasureInterval Bootstrap(string name, int n, double z, int[] rows, Func<int[], double> measure)
    {
        var value = measure(rows);
        if (n < 2 || double.IsNaN(value))
        {
            return new MeasureInterval(name, value, double.NaN, double.NaN, n);
        }

        var values = new double[Replicates];
        var sample = new int[n];
        var counts = new int[n];
        for (var replicate = 0; replicate < Replicates; replicate++)
        {
            Array.Clear(counts);
            for (var i = 0; i < n; i++)
            {
                counts[(int)(Mixing.Uniform(((ulong)replicate << 32) + (ulong)i) * n)]++;
            }

            var at = 0;
            for (var i = 0; i < n; i++)
            {
                for (var copies = counts[i]; copies > 0; copies--)
                {
                    sample[at++] = rows[i];
                }
            }

            values[replicate] = measure(sample);
        }

        // Around the value: a percentile interval of a biased measure may leave it out.
        Array.Sort(values);
        var tail = SpecialFunctions.NormalUpperTail(z);
        int low = (int)Math.Floor(tail * (Replicates - 1)), high = (int)Math.Ceiling((1 - tail) * (Replicates - 1));
        return new MeasureInterval(name, value, Math.Min(value, values[low]), Math.Max(value, values[high]), n);
    }
}
