using System.Buffers;
using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>The kind <c>quality</c>; see README.md beside it.</summary>
public sealed class QualityKind : MonitorKind<QualityOptions>
{
    private const byte Version = 3;
    private const int MinimumRows = 50;

    public override string Name => "quality";

    public override string Description => "Broken data: missing, infinite, absurd or out-of-range values, unseen categories, columns that stopped moving, events that do not fit the schema.";

    public override Family Family => Family.Quality;

    public override Severity DefaultSeverity => Severity.Harm;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, QualityOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var rows = context.Reference.All;
        if (rows.Count < MinimumRows)
        {
            throw new FitException($"quality needs at least {MinimumRows} reference rows, got {rows.Count}");
        }

        var output = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Version);
        writer.WriteCount(rows.Count);
        writer.WriteCount(LongestRepeat(rows));
        var levels = new float[rows.Count];
        var start = 0;
        foreach (var feature in context.Model.Schema.Features)
        {
            for (var column = 0; column < Columns(feature); column++)
            {
                var width = feature.Width / Columns(feature);
                Fit(rows, feature, start, width, levels, writer);
                start += width;
            }
        }

        return ValueTask.FromResult(new FittedParameters(output.WrittenMemory.ToArray()));
    }

    protected override IMonitor Create(MonitorContext context, QualityOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("quality: parameters of an unknown version");
        }

        var rows = checked((int)reader.ReadCount());
        var longestRepeat = checked((int)reader.ReadCount());
        var columns = new List<CheckedColumn>();
        var start = 0;
        foreach (var feature in context.Model.Schema.Features)
        {
            for (var w = 0; w < Columns(feature); w++)
            {
                var facts = reader.ReadDoubles();
                if (facts.Length != 6)
                {
                    throw new InvalidDataException("quality: parameters of another shape");
                }

                var name = Columns(feature) == 1 ? feature.Name : string.Create(CultureInfo.InvariantCulture, $"{feature.Name}[{w}]");
                columns.Add(new CheckedColumn(name, feature, start, facts[0], facts[1], facts[2], facts[3], facts[4], facts[5], RepeatRates.Restore(ref reader)));
                start += feature.Width / Columns(feature);
            }
        }

        reader.ExpectEnd();
        return new QualityMonitor([.. columns], rows, longestRepeat, options);
    }

    /// <summary>Most rows in a row that are one and the same.</summary>
    private static int LongestRepeat(RowBatch rows)
    {
        int longest = 1, length = 1;
        for (var r = 1; r < rows.Count; r++)
        {
            length = rows.Rows[r].InputHash == rows.Rows[r - 1].InputHash ? length + 1 : 1;
            longest = Math.Max(longest, length);
        }

        return longest;
    }

    /// <summary>Nobody asks after one pixel: an image is checked as a whole.</summary>
    private static int Columns(FeatureSchema feature) => feature.Type == FeatureType.Image ? 1 : feature.Width;

    private static void Fit(RowBatch rows, FeatureSchema feature, int start, int width, float[] levels, CanonicalWriter writer)
    {
        double minimum = double.NaN, maximum = double.NaN;
        int missing = 0, infinite = 0, outside = 0;
        var categories = new Dictionary<float, int>();
        for (var r = 0; r < levels.Length; r++)
        {
            var values = rows.Input(r).Slice(start, width);
            bool isMissing = false, isInfinite = false, isOutside = false;
            foreach (var value in values)
            {
                isMissing |= float.IsNaN(value);
                isInfinite |= float.IsInfinity(value);
                if (float.IsFinite(value))
                {
                    minimum = value >= minimum ? minimum : value;
                    maximum = value <= maximum ? maximum : value;
                    isOutside |= value < feature.Minimum || value > feature.Maximum;
                }
            }

            missing += isMissing ? 1 : 0;
            infinite += isInfinite ? 1 : 0;
            outside += isOutside ? 1 : 0;
            levels[r] = CheckedColumn.Level(feature, values);
            if (feature.Type == FeatureType.Categorical && !isMissing)
            {
                categories[values[0]] = categories.GetValueOrDefault(values[0]) + 1;
            }
        }

        // Good–Turing: the mass of what was never seen is about the share of what was seen once. Codes outside the list count as seen: they are usual here.
        var unseen = categories.Where(c => QualityMonitor.IsUnknown(feature, c.Key)).Sum(c => c.Value) + categories.Count(c => c.Value == 1);
        writer.WriteDoubles(
        [
            minimum,
            maximum,
            UsualRate.UpperBound(missing, levels.Length),
            UsualRate.UpperBound(infinite, levels.Length),
            UsualRate.UpperBound(outside, levels.Length),
            UsualRate.UpperBound(unseen, levels.Length),
        ]);
        RepeatRates.Fit(levels).Save(writer);
    }
}
