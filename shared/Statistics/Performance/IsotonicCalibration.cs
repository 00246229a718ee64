namespace Monitoring.Statistics;

/// <summary>
/// Isotonic regression by pool-adjacent-violators (Ayer et al. 1955): the non-decreasing step values that minimise the
/// weighted squared error, interpolated linearly between the ends of the blocks and constant outside.
/// </summary>
public sealed class IsotonicCalibration
{
    private readonly double[] _x;
    private readonly double[] _y;

    private IsotonicCalibration(double[] x, double[] y)
    {
        _x = x;
        _y = y;
    }

    /// <summary>Fits y on x (finite, same length, at least one); weights are 1 when empty. Equal x are pooled first.</summary>
    public static IsotonicCalibration Fit(ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> weights = default)
    {
        if (x.IsEmpty || x.Length != y.Length || (!weights.IsEmpty && weights.Length != x.Length))
        {
            throw new ArgumentException($"isotonic regression needs as many y as x, at least one: {x.Length} and {y.Length}", nameof(y));
        }

        var sorted = x.ToArray();
        var order = new int[x.Length];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(sorted, order);
        var points = new List<double>(x.Length);
        var means = new List<double>(x.Length);
        var mass = new List<double>(x.Length);
        for (var i = 0; i < order.Length;)
        {
            double weight = 0, sum = 0;
            var at = sorted[i];
            for (; i < order.Length && sorted[i] == at; i++)
            {
                var w = weights.IsEmpty ? 1 : weights[order[i]];
                weight += w;
                sum += w * y[order[i]];
            }

            if (weight > 0)
            {
                points.Add(at);
                means.Add(sum / weight);
                mass.Add(weight);
            }
        }

        var fitted = PoolAdjacentViolators([.. means], [.. mass]);
        var keepX = new List<double>();
        var keepY = new List<double>();
        for (var i = 0; i < points.Count; i++)
        {
            // Inside a block only its ends matter to the interpolation.
            if (i == 0 || i == points.Count - 1 || fitted[i] != fitted[i - 1] || fitted[i] != fitted[i + 1])
            {
                keepX.Add(points[i]);
                keepY.Add(fitted[i]);
            }
        }

        return new IsotonicCalibration([.. keepX], [.. keepY]);
    }

    /// <summary>Block ends, ascending.</summary>
    public ReadOnlySpan<double> Thresholds => _x;

    /// <summary>Fitted values at the block ends, non-decreasing.</summary>
    public ReadOnlySpan<double> Values => _y;

    /// <summary>The fitted value; NaN for NaN.</summary>
    public double Calibrate(double x)
    {
        if (double.IsNaN(x))
        {
            return double.NaN;
        }

        int low = 0, high = _x.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_x[middle] < x)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        if (low == 0)
        {
            return _y[0];
        }

        if (low == _x.Length)
        {
            return _y[^1];
        }

        return _y[low] == _y[low - 1]
            ? _y[low]
            : _y[low - 1] + ((_y[low] - _y[low - 1]) * ((x - _x[low - 1]) / (_x[low] - _x[low - 1])));
    }

    /// <summary>The non-decreasing sequence nearest to <paramref name="values"/> in weighted least squares; weights are 1 when empty.</summary>
    public static double[] PoolAdjacentViolators(ReadOnlySpan<double> values, ReadOnlySpan<double> weights = default)
    {
        var mean = new double[values.Length];
        var mass = new double[values.Length];
        var size = new int[values.Length];
        var blocks = 0;
        for (var i = 0; i < values.Length; i++)
        {
            (mean[blocks], mass[blocks], size[blocks]) = (values[i], weights.IsEmpty ? 1 : weights[i], 1);
            blocks++;
            while (blocks > 1 && mean[blocks - 2] >= mean[blocks - 1])
            {
                var total = mass[blocks - 2] + mass[blocks - 1];
                mean[blocks - 2] = ((mean[blocks - 2] * mass[blocks - 2]) + (mean[blocks - 1] * mass[blocks - 1])) / total;
                mass[blocks - 2] = total;
                size[blocks - 2] += size[blocks - 1];
                blocks--;
            }
        }

        var result = new double[values.Length];
        for (int block = 0, at = 0; block < blocks; at += size[block], block++)
        {
            result.AsSpan(at, size[block]).Fill(mean[block]);
        }

        return result;
    }
}
