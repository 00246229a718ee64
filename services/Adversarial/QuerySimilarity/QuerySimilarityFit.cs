using System.Globalization;
using System.Runtime.InteropServices;
using Monitoring.Detection;

namespace Monitoring.Adversarial;

/// <summary>Learns the parameters of <c>query-similarity</c> from clean traffic, and refuses where it cannot work.</summary>
internal static class QuerySimilarityFit
{
    private const int LeastRows = 1_000;
    private const int WantedRows = 3_000;
    private const int KnotCount = 257;

    /// <summary>Below this participation ratio of the columns' correlations, near copies and the crowd overlap (RUNTIME.md 6: "about 15").</summary>
    private const double LeastEffectiveColumns = 14;

    /// <summary>ρ above this: inputs follow from one another (video, sensors) and a lineage proves nothing.</summary>
    private const double MostGrowth = 0.8;

    /// <summary>A rate of growth is read off only where this many lineages had the chance.</summary>
    private const int LeastChances = 30;

    public static QuerySimilarityParameters Fit(FitContext context, QuerySimilarityOptions options, FingerprintKey key)
    {
        var rows = context.Reference.All;
        if (rows.Count < LeastRows)
        {
            throw new FitException($"query-similarity needs at least {LeastRows} clean inputs to know which patterns are common, better {WantedRows}; the reference has {rows.Count}");
        }

        if (rows.Count < WantedRows)
        {
            context.Warn($"{rows.Count} clean inputs are few for a frequency cut at {options.FrequentShare:P1}: {WantedRows} are better");
        }

        var image = context.Model.Schema.Image;
        var published = options.Definition == FingerprintDefinition.Published;
        var draft = new QuerySimilarityParameters
        {
            KeyCheck = key.First64("query-similarity"u8),
            Frequent = FrequentHashes.None,
            Growth = options.Growth,
            HashesPerQuery = Fingerprinter.Kept,
            Threshold = 0,
        };
        if (!published && image is not null)
        {
            draft = image.Channels == 1
                ? draft with { Cells = 14, Patch = 3, Step = 50 }
                : draft with { Cells = 8, Patch = 2, Step = 50 };
        }
        else if (!published)
        {
            draft = FitRows(context, draft);
        }

        var fingerprinter = draft.CreateFingerprinter(context.Model, options.Definition, key);
        var frequentShare = image is null ? Math.Max(0.01, options.FrequentShare) : options.FrequentShare;
        var frequent = published ? FrequentHashes.None : FrequentHashes.Of(fingerprinter, Inputs(rows), frequentShare);
        draft = draft with { Frequent = frequent };

        var fingerprints = new ulong[rows.Count][];
        var buffer = new ulong[Fingerprinter.Kept];
        for (var row = 0; row < rows.Count; row++)
        {
            fingerprints[row] = buffer.AsSpan(0, fingerprinter.Fingerprint(rows.Input(row), frequent, buffer)).ToArray();
        }

        draft = draft with { HashesPerQuery = Math.Max(1, fingerprints.Average(f => f.Length)) };
        var thin = fingerprints.Count(f => f.Length < 18) / (double)rows.Count;
        if (thin > 0.05)
        {
            context.Warn($"{thin:P0} of the clean inputs keep fewer than 18 hashes: near copies of those are seen late or not at all");
        }

        if (published)
        {
            context.Warn("definition: published is a baseline; on digits it flags 1 to 12 % of honest queries");
            return draft with { Threshold = options.Threshold > 0 ? options.Threshold : 26 };
        }

        // The smallest threshold at which the profile's own lineages grow no oftener than the operator allows; else the one where they grow least.
        var least = options.Threshold > 0 ? options.Threshold : image is null ? 6 : 10;
        var most = options.Threshold > 0 ? options.Threshold : 20;
        var best = (Threshold: least, Growth: double.PositiveInfinity);
        for (var threshold = least; threshold <= most; threshold += 2)
        {
            var growth = MeasureGrowth(rows, fingerprints, draft.HashesPerQuery, threshold, key);
            if (growth < best.Growth)
            {
                best = (threshold, growth);
            }

            if (growth <= options.Growth)
            {
                break;
            }
        }

        if (best.Growth > MostGrowth)
        {
            throw new FitException(string.Create(
                CultureInfo.InvariantCulture,
                $"in the reference a near copy is followed by another with probability {best.Growth:F2} (limit {MostGrowth}): inputs follow from one another, as in video or sensor streams, and near copies prove no attack here"));
        }

        if (best.Growth > options.Growth)
        {
            context.Warn(string.Create(CultureInfo.InvariantCulture, $"honest lineages grow with probability up to {best.Growth:F2}, above the configured {options.Growth:F2}: alarms need more near copies"));
        }

        return draft with { Threshold = best.Threshold, Growth = Math.Max(options.Growth, best.Growth) };
    }

    /// <summary>
    /// Upper bound of the probability that a lineage grows: over all, and for every size that at least 30 lineages reached
    /// (95 % Wilson bounds), the largest.
    /// </summary>
    internal static double MeasureGrowth(RowBatch rows, ulong[][] fingerprints, double hashesPerQuery, int threshold, FingerprintKey key)
    {
        var index = new LineageIndex(Math.Max(64, rows.Count / 2), hashesPerQuery, threshold);
        var reached = new List<long> { 0, 0 };
        for (var row = 0; row < rows.Count; row++)
        {
            if (fingerprints[row].Length == 0)
            {
                continue;
            }

            var before = index.Fresh;
            var lineage = index.Add(fingerprints[row], key.First64(MemoryMarshal.AsBytes(rows.Input(row))), rows.Rows[row]);
            if (lineage is not null)
            {
                while (reached.Count <= lineage.Size)
                {
                    reached.Add(0);
                }

                reached[lineage.Size]++;
            }
            else if (index.Fresh > before)
            {
                reached[1]++;
            }
        }

        var largest = UpperBound(reached.Skip(2).Sum(), reached.Sum());
        for (var size = 1; size + 1 < reached.Count; size++)
        {
            if (reached[size] >= LeastChances)
            {
                largest = Math.Max(largest, UpperBound(reached[size + 1], reached[size]));
            }
        }

        return largest;
    }

    /// <summary>Upper end of the one-sided 95 % score interval (Wilson 1927).</summary>
    private static double UpperBound(long successes, long trials)
    {
        if (trials == 0)
        {
            return 1;
        }

        const double z = 1.6448536269514722;
        var rate = (double)successes / trials;
        var square = z * z / trials;
        return Math.Min(1, (rate + (square / 2) + (z * Math.Sqrt(((rate * (1 - rate)) + (square / 4)) / trials))) / (1 + square));
    }

    private static IEnumerable<ReadOnlyMemory<float>> Inputs(RowBatch rows)
    {
        for (var row = 0; row < rows.Count; row++)
        {
            yield return rows.Inputs.Slice(row * rows.Width, rows.Width);
        }
    }

    private static QuerySimilarityParameters FitRows(FitContext context, QuerySimilarityParameters draft)
    {
        var rows = context.Reference.All;
        var width = rows.Width;
        if (width < LeastEffectiveColumns)
        {
            throw new FitException($"{width} columns are too few: below about 15 effective columns near copies cannot be told from the crowd");
        }

        var knots = new float[width][];
        var ranks = new float[width][];
        for (var column = 0; column < width; column++)
        {
            var values = new float[rows.Count];
            for (var row = 0; row < rows.Count; row++)
            {
                values[row] = rows.Input(row)[column];
            }

            var sorted = values.Where(v => !float.IsNaN(v)).Order().ToArray();
            knots[column] = sorted.Length == 0
                ? [0, 1]
                : [.. Enumerable.Range(0, KnotCount).Select(i => sorted[(int)((long)i * (sorted.Length - 1) / (KnotCount - 1))])];
            ranks[column] = Array.ConvertAll(values, v => RowFingerprinter.Rank(knots[column], v));
        }

        var effective = EffectiveColumns(ranks);
        if (effective < LeastEffectiveColumns)
        {
            throw new FitException(string.Create(
                CultureInfo.InvariantCulture,
                $"the {width} columns are worth {effective:F1} independent ones: below about 15 near copies cannot be told from the crowd"));
        }

        return draft with { Knots = knots, Step = width < 22 ? 24 : 48 };
    }

    /// <summary>Participation ratio (Σλ)²/Σλ² of the correlation matrix, from its squared entries: as many independent columns carry as much.</summary>
    internal static double EffectiveColumns(float[][] columns)
    {
        var standardised = new List<double[]>();
        foreach (var column in columns)
        {
            var mean = column.Average(v => (double)v);
            var norm = Math.Sqrt(column.Sum(v => (v - mean) * (v - mean)));
            if (norm > 1e-9)
            {
                standardised.Add(Array.ConvertAll(column, v => (v - mean) / norm));
            }
        }

        double squares = 0;
        for (var i = 0; i < standardised.Count; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                var correlation = System.Numerics.Tensors.TensorPrimitives.Dot<double>(standardised[i], standardised[j]);
                squares += (i == j ? 1 : 2) * correlation * correlation;
            }
        }

        // n rows give spurious correlations of 1/n each in square.
        var spurious = standardised.Count == 0 ? 0 : (standardised.Count * (standardised.Count - 1.0)) / columns[0].Length;
        return squares == 0 ? 0 : (double)standardised.Count * standardised.Count / Math.Max(standardised.Count, squares - spurious);
    }
}
