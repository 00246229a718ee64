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

    /// <summary>Shares of near copies that a form must link: to be taken at once, and to be of any use.</summary>
    private const double WantedRecall = 0.9;
    private const double LeastRecall = 0.5;

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
            CheckRange(rows, image);
            return BestOf(context, options, key, image.Channels == 1
                ? [draft with { Cells = 14, Patch = 3, Step = 50 }, draft with { Cells = 14, Patch = 2, Step = 50 }, draft with { Cells = 8, Patch = 2, Step = 50 }]
                : [draft with { Cells = 8, Patch = 2, Step = 50 }, draft with { Cells = 14, Patch = 2, Step = 50 }, draft with { Cells = 14, Patch = 3, Step = 50 }]);
        }

        return FitOne(context, options, key, published ? draft : FitRows(context, draft));
    }

    /// <summary>
    /// The first form under which most near copies of clean inputs are linked and strangers are not. A form that links fewer than nine in ten gives way to a better one; where even the best links fewer than half, near copies cannot be
    /// told from the crowd.
    /// </summary>
    private static QuerySimilarityParameters BestOf(FitContext context, QuerySimilarityOptions options, FingerprintKey key, QuerySimilarityParameters[] forms)
    {
        (QuerySimilarityParameters? Parameters, double Recall) best = (null, -1);
        FitException? tooSmall = null;
        foreach (var form in forms)
        {
            try
            {
                form.CreateFingerprinter(context.Model, options.Definition, key);
            }
            catch (FitException e)
            {
                tooSmall = e;
                continue;
            }

            // Inputs that follow from one another are refused under any form.
            var fitted = FitOne(context, options, key, form);
            var recall = Recall(context, options, key, fitted);
            if (recall > best.Recall)
            {
                best = (fitted, recall);
            }

            if (recall >= WantedRecall)
            {
                break;
            }
        }

        if (best.Parameters is null)
        {
            throw tooSmall!;
        }

        return best.Recall >= LeastRecall ? best.Parameters : throw new FitException(string.Create(
            CultureInfo.InvariantCulture,
            $"of near copies of clean inputs (noise of 2 % of the range) at most {best.Recall:P0} can be told from strangers: too much of these images is alike, or too little of them is left after pooling. query-similarity proves nothing here; use off-manifold"));
    }

    /// <summary>Values that the layout does not know would all be black or white: a standardised image under [0, 1] has no fingerprint.</summary>
    private static void CheckRange(RowBatch rows, ImageLayout image)
    {
        long outside = 0;
        float least = float.PositiveInfinity, most = float.NegativeInfinity;
        var slack = 0.01f * (image.Maximum - image.Minimum);
        foreach (var value in rows.Inputs.Span)
        {
            if (!float.IsFinite(value))
            {
                continue;
            }

            (least, most) = (Math.Min(least, value), Math.Max(most, value));
            outside += value < image.Minimum - slack || value > image.Maximum + slack ? 1 : 0;
        }

        if (outside > 0.01 * rows.Inputs.Length)
        {
            throw new FitException(string.Create(
                CultureInfo.InvariantCulture,
                $"the images' values run from {least:G4} to {most:G4}, the schema says [{image.Minimum:G4}, {image.Maximum:G4}]: state the layout's minimum and maximum"));
        }

        if (most - least < 0.05 * (image.Maximum - image.Minimum))
        {
            throw new FitException(string.Create(
                CultureInfo.InvariantCulture,
                $"the images' values run from {least:G4} to {most:G4}, a small part of the schema's [{image.Minimum:G4}, {image.Maximum:G4}]: state the layout's minimum and maximum"));
        }
    }

    /// <summary>
    /// Blank sheets in every grey: patches of one grey are in any two images on such a background, and prove no copy, also where the profile's is another (another scanner, brighter light). A quarter of a grey level apart, so that no
    /// combination of the cells' dithers is left out but by a hair.
    /// </summary>
    private static IEnumerable<float[]> Sheets(ImageLayout image)
    {
        const int steps = 4 * 255;
        for (var step = 0; step <= steps; step++)
        {
            var sheet = new float[image.Height * image.Width * image.Channels];
            Array.Fill(sheet, image.Minimum + ((image.Maximum - image.Minimum) * step / steps));
            yield return sheet;
        }
    }

    /// <summary>Share of near copies (normal noise of 2 % of the range on every value, clipped to it) that share at least τ hashes with their original.</summary>
    private static double Recall(FitContext context, QuerySimilarityOptions options, FingerprintKey key, QuerySimilarityParameters parameters)
    {
        var (rows, image) = (context.Reference.All, context.Model.Schema.Image!);
        var fingerprinter = parameters.CreateFingerprinter(context.Model, options.Definition, key);
        var (original, copy) = (new ulong[Fingerprinter.Kept], new ulong[Fingerprinter.Kept]);
        var noisy = new float[rows.Width];
        var (linked, tried) = (0, 0);
        for (var row = 0; row < rows.Count; row += Math.Max(1, rows.Count / 200))
        {
            rows.Input(row).CopyTo(noisy);
            for (var i = 0; i < noisy.Length; i++)
            {
                var normal = Statistics.SpecialFunctions.NormalQuantile(Math.Clamp(Statistics.Mixing.Uniform(context.Seed + ((ulong)row * (ulong)noisy.Length) + (ulong)i), 1e-9, 1 - 1e-9));
                noisy[i] = Math.Clamp(noisy[i] + (float)(0.02 * (image.Maximum - image.Minimum) * normal), image.Minimum, image.Maximum);
            }

            var known = original.AsSpan(0, fingerprinter.Fingerprint(rows.Input(row), parameters.Frequent, original)).ToArray().ToHashSet();
            var shared = 0;
            foreach (var hash in copy.AsSpan(0, fingerprinter.Fingerprint(noisy, parameters.Frequent, copy)))
            {
                shared += known.Contains(hash) ? 1 : 0;
            }

            tried++;
            linked += shared >= parameters.Threshold ? 1 : 0;
        }

        return (double)linked / tried;
    }

    private static QuerySimilarityParameters FitOne(FitContext context, QuerySimilarityOptions options, FingerprintKey key, QuerySimilarityParameters draft)
    {
        var rows = context.Reference.All;
        var image = context.Model.Schema.Image;
        var published = options.Definition == FingerprintDefinition.Published;
        var fingerprinter = draft.CreateFingerprinter(context.Model, options.Definition, key);
        var frequentShare = image is null ? Math.Max(0.01, options.FrequentShare) : options.FrequentShare;
        var frequent = published ? FrequentHashes.None : FrequentHashes.Of(fingerprinter, Inputs(rows), frequentShare, image is null ? [] : Sheets(image));
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
    /// The rate of growth that covers the reference: the evidence of a lineage of k needs P(a fresh query grows to k) ≤ ρ^(k − 1), so ρ is the largest (k − 1)th root of that
    /// share over all k that at least 30 lineages reached, and no less than the share of queries that link at all (95 % Wilson bounds). Clients who send every
    /// input in three versions make lineages of three, not of eighteen.
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
        for (var size = 2; size < reached.Count && reached[size] >= LeastChances; size++)
        {
            largest = Math.Max(largest, Math.Pow(UpperBound(reached[size], reached[1]), 1.0 / (size - 1)));
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
