namespace Monitoring.Statistics;

/// <summary>
/// Thresholds of online MMD calibrated to an expected run time (Cobb, Van Looveren and Klaise, AISTATS 2022): the reference is split at random many times into
/// a sub-reference and a stream of 2W − 1 rows; h_w is the (1 − 1/ERT)-quantile of the w-th window's statistic over the streams that crossed no earlier
/// threshold, so that the chance of crossing, given none before, is 1/ERT at every step.
/// </summary>
public static class OnlineThresholds
{
    /// <param name="gram">Kernel between all n reference rows, row-major.</param>
    /// <param name="rows">n ≥ 4·window.</param>
    /// <param name="window">W, rows of a window.</param>
    /// <param name="expectedRunTime">ERT, in rows.</param>
    /// <param name="bootstraps">Splits; ten times ERT or more.</param>
    /// <param name="seed">Seed of the splits.</param>
    /// <returns>h_0 … h_{W−1}; later windows use the last.</returns>
    public static double[] OfMmd(ReadOnlySpan<float> gram, int rows, int window, double expectedRunTime, int bootstraps, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 4 * window);
        ArgumentOutOfRangeException.ThrowIfLessThan(bootstraps, 1);
        var rowSums = new double[rows];
        double total = 0;
        for (var i = 0; i < rows; i++)
        {
            // Off the diagonal.
            foreach (var value in gram.Slice(i * rows, rows))
            {
                rowSums[i] += value;
            }

            rowSums[i] -= gram[(i * rows) + i];
            total += rowSums[i];
        }

        var random = new Random(unchecked((int)(seed ^ (seed >> 32))));
        int[] order = [.. Enumerable.Range(0, rows)];
        var length = (2 * window) - 1;
        var statistics = new double[bootstraps][];
        for (var b = 0; b < bootstraps; b++)
        {
            for (var i = 0; i < length; i++)
            {
                var other = random.Next(i, rows);
                (order[i], order[other]) = (order[other], order[i]);
            }

            statistics[b] = Windows(gram, rows, order.AsSpan(0, length), window, rowSums, total);
        }

        var thresholds = new double[window];
        var alive = Enumerable.Range(0, bootstraps).ToList();
        for (var w = 0; w < window; w++)
        {
            thresholds[w] = Quantile([.. alive.Select(b => statistics[b][w])], 1 - (1 / expectedRunTime));
            alive.RemoveAll(b => statistics[b][w] >= thresholds[w]);
        }

        return thresholds;
    }

    // MMD² of the W overlapping windows of one stream against all rows that are not in it.
    private static double[] Windows(ReadOnlySpan<float> gram, int rows, ReadOnlySpan<int> stream, int window, double[] rowSums, double total)
    {
        int length = stream.Length, rest = rows - length;
        var within = new double[length * length];
        var cross = new double[length];
        double inside = 0, outside = 0;
        for (var i = 0; i < length; i++)
        {
            double sum = 0;
            for (var j = 0; j < length; j++)
            {
                var value = i == j ? 0 : gram[(stream[i] * rows) + stream[j]];
                within[(i * length) + j] = value;
                sum += value;
            }

            cross[i] = rowSums[stream[i]] - sum;
            inside += sum;
            outside += rowSums[stream[i]];
        }

        var reference = (total - (2 * outside) + inside) / ((double)rest * (rest - 1));
        var statistics = new double[window];
        double own = 0, between = 0;
        for (var i = 0; i < length; i++)
        {
            // Row i enters; the row W before it leaves.
            for (var j = Math.Max(0, i - window + 1); j < i; j++)
            {
                own += 2 * within[(i * length) + j];
            }

            between += cross[i];
            if (i >= window)
            {
                for (var j = i - window + 1; j < i; j++)
                {
                    own -= 2 * within[((i - window) * length) + j];
                }

                between -= cross[i - window];
            }

            if (i >= window - 1)
            {
                statistics[i - window + 1] = reference + (own / ((double)window * (window - 1))) - (2 * between / ((double)window * rest));
            }
        }

        return statistics;
    }

    private static double Quantile(double[] values, double probability)
    {
        Array.Sort(values);
        var at = probability * (values.Length - 1);
        var low = (int)Math.Floor(at);
        return low + 1 < values.Length ? values[low] + ((at - low) * (values[low + 1] - values[low])) : values[^1];
    }
}
