using Monitoring.Statistics;

namespace Monitoring.Quality.Reporting;

/// <summary>
/// Compares one variable on both sides: Kolmogorov and Smirnov for numbers, χ² for categories (cells with fewer than five expected rows pooled). The effect is the distance less what it is expected to be
/// without change, so that a column of many categories does not look changed by chance.
/// </summary>
internal static class DriftComparison
{
    private const int Cells = 30;
    private const int LargestDiscrete = 12;
    private const int ShownCategories = 8;

    /// <summary>Adjusted p below which a difference is no chance.</summary>
    public const double Significance = 0.01;

    /// <summary>Effect below which a difference is too small to matter.</summary>
    public const double SmallestEffect = 0.03;

    public static VariableDrift Compare(ReportVariable variable)
    {
        double[] reference = [.. variable.Reference.Where(double.IsFinite)], data = [.. variable.Data.Where(double.IsFinite)];
        return variable.IsCategorical ? Categorical(variable, reference, data) : Numeric(variable, reference, data);
    }

    /// <summary>With p-values adjusted over all variables, and what follows from them; strongest first.</summary>
    public static IReadOnlyList<VariableDrift> Judge(IReadOnlyList<VariableDrift> drifts)
    {
        var adjusted = MultipleTesting.AdjustFalseDiscoveryRate([.. drifts.Select(d => d.PValue)]);
        return [.. drifts
            .Select((d, i) => d with { Adjusted = adjusted[i], Level = adjusted[i] < Significance && d.Effect >= SmallestEffect ? ReportLevel.Change : ReportLevel.Fine })
            .OrderByDescending(d => d.Level).ThenByDescending(d => d.Effect).ThenBy(d => d.Name, StringComparer.Ordinal)];
    }

    private static VariableDrift Numeric(ReportVariable variable, double[] reference, double[] data)
    {
        var sorted = new SortedReference(reference);
        var distance = KolmogorovSmirnov.Distance(sorted, data);
        var effective = Effective(reference.Length, data.Length);

        // Mean of Kolmogorov's law: √(π/2)·ln 2.
        var chance = effective > 0 ? Math.Sqrt(Math.PI / 2) * Math.Log(2) / Math.Sqrt(effective) : 0;
        var (referenceMean, sd) = Moments(reference);
        var (dataMean, _) = Moments(data);
        return new VariableDrift(
            variable.Name,
            variable.Unit,
            variable.Feature >= 0,
            IsCategorical: false,
            "Kolmogorov–Smirnov",
            Math.Max(0, distance.Statistic - chance),
            distance.Statistic,
            distance.PValue(),
            1,
            referenceMean,
            dataMean,
            sd > 0 ? (dataMean - referenceMean) / sd : double.NaN,
            SampleDistance.Wasserstein(sorted, data),
            null,
            ReportLevel.Fine,
            Histogram(sorted, reference, data));
    }

    private static VariableDrift Categorical(ReportVariable variable, double[] reference, double[] data)
    {
        var counts = new SortedDictionary<int, (double Reference, double Data)>();
        foreach (var value in reference)
        {
            counts[(int)value] = counts.GetValueOrDefault((int)value) is var c ? (c.Reference + 1, c.Data) : default;
        }

        foreach (var value in data)
        {
            counts[(int)value] = counts.GetValueOrDefault((int)value) is var c ? (c.Reference, c.Data + 1) : default;
        }

        double n = reference.Length, m = data.Length, variation = 0, chance = 0, pooledReference = 0, pooledData = 0;
        var table = new List<double>();
        var second = new List<double>();
        foreach (var (r, d) in counts.Values)
        {
            var share = (r + d) / (n + m);
            if (share * Math.Min(n, m) < 5)
            {
                pooledReference += r;
                pooledData += d;
            }
            else
            {
                table.Add(r);
                second.Add(d);
            }

            if (n > 0 && m > 0)
            {
                variation += Math.Abs((r / n) - (d / m)) / 2;

                // E|difference of two shares| of a normal law.
                chance += Math.Sqrt(2 * share * (1 - share) * ((1 / n) + (1 / m)) / Math.PI) / 2;
            }
        }

        if (pooledReference + pooledData > 0)
        {
            table.Add(pooledReference);
            second.Add(pooledData);
        }

        var columns = table.Count;
        var p = columns >= 2 && n > 0 && m > 0 ? ChiSquareTest.Test([.. table, .. second], columns).PValue : 1;
        string Name(int code) => code >= 0 && code < variable.Categories!.Count ? variable.Categories[code] : "(new)";

        // What moved most, and of that the most common first.
        var shown = counts.Select(c => (Code: c.Key, Reference: c.Value.Reference / Math.Max(1, n), Data: c.Value.Data / Math.Max(1, m)))
            .OrderByDescending(c => Math.Abs(c.Data - c.Reference) + (0.25 * (c.Data + c.Reference))).ThenBy(c => c.Code).Take(ShownCategories)
            .OrderByDescending(c => c.Data + c.Reference).ThenBy(c => c.Code).ToList();
        List<string> labels = [.. shown.Select(c => Name(c.Code))];
        List<double> left = [.. shown.Select(c => c.Reference)], right = [.. shown.Select(c => c.Data)];
        if (counts.Count > shown.Count)
        {
            labels.Add(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{counts.Count - shown.Count} others"));
            left.Add(Math.Max(0, 1 - left.Sum()));
            right.Add(Math.Max(0, 1 - right.Sum()));
        }

        return new VariableDrift(
            variable.Name,
            variable.Unit,
            variable.Feature >= 0,
            IsCategorical: true,
            "χ²",
            Math.Max(0, variation - chance),
            variation,
            p,
            1,
            double.NaN,
            double.NaN,
            double.NaN,
            double.NaN,
            null,
            ReportLevel.Fine,
            new Distribution(labels, null, [.. left], [.. right]));
    }

    private static Distribution Histogram(SortedReference sorted, double[] reference, double[] data)
    {
        if (reference.Length == 0 || data.Length == 0)
        {
            return new Distribution(null, [0, 1], [0], [0]);
        }

        var values = reference.Concat(data).Distinct().Take(LargestDiscrete + 1).Order().ToList();
        if (values.Count <= LargestDiscrete)
        {
            return new Distribution(
                [.. values.Select(v => v.ToString("G5", System.Globalization.CultureInfo.InvariantCulture))],
                null,
                [.. values.Select(v => reference.Count(r => r == v) / (double)reference.Length)],
                [.. values.Select(v => data.Count(d => d == v) / (double)data.Length)]);
        }

        // Between the outer half per cents of both, what lies beyond in the outermost cells: one absurd value does not flatten the picture.
        var other = new SortedReference(data);
        double low = Math.Min(sorted.Quantile(0.005), other.Quantile(0.005)), high = Math.Max(sorted.Quantile(0.995), other.Quantile(0.995));
        if (!(high > low))
        {
            (low, high) = (Math.Min(sorted.Quantile(0), other.Quantile(0)), Math.Max(sorted.Quantile(1), other.Quantile(1)));
        }

        var edges = Enumerable.Range(0, Cells + 1).Select(i => low + ((high - low) * i / Cells)).ToArray();
        return new Distribution(null, edges, Shares(reference), Shares(data));

        double[] Shares(double[] side)
        {
            var shares = new double[Cells];
            foreach (var value in side)
            {
                shares[(int)Math.Clamp((value - low) / (high - low) * Cells, 0, Cells - 1)] += 1.0 / side.Length;
            }

            return shares;
        }
    }

    private static double Effective(double n, double m) => n > 0 && m > 0 ? n * m / (n + m) : 0;

    private static (double Mean, double Sd) Moments(double[] values)
    {
        var mean = values.Length == 0 ? double.NaN : values.Average();
        return (mean, values.Length < 2 ? 0 : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1)));
    }
}
