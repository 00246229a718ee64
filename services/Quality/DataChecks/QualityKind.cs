using System.Buffers;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>The kind <c>quality</c>; see README.md beside it.</summary>
public sealed class QualityKind : MonitorKind<QualityOptions>
{
    private const byte Version = 1;
    private const int MinimumRows = 50;

    public override string Name => "quality";

    public override string Description => "Broken data: missing, infinite, absurd or out-of-range values, unseen categories, columns that stopped moving.";

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
        var column = new double[rows.Count];
        for (var c = 0; c < rows.Width; c++)
        {
            for (var r = 0; r < column.Length; r++)
            {
                column[r] = rows.Input(r)[c];
            }

            var sorted = new SortedReference(column);
            var missing = column.Count(double.IsNaN);
            writer.WriteDoubles(
            [
                sorted.Count > 0 ? sorted.Values[0] : double.NaN,
                sorted.Count > 0 ? sorted.Values[^1] : double.NaN,
                (double)missing / column.Length,
                column.Count(double.IsInfinity),
                LargestRunShare(column),
            ]);
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

        var columns = new List<CheckedColumn>();
        foreach (var feature in context.Model.Schema.Features)
        {
            for (var w = 0; w < feature.Width; w++)
            {
                var facts = reader.ReadDoubles();
                if (facts.Length != 5)
                {
                    throw new InvalidDataException("quality: parameters of another shape");
                }

                var name = feature.Width == 1 ? feature.Name : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{feature.Name}[{w}]");
                columns.Add(new CheckedColumn(name, feature, facts[0], facts[1], facts[2], facts[3], facts[4]));
            }
        }

        reader.ExpectEnd();
        return new QualityMonitor([.. columns], options);
    }

    // How often a value repeats the one before it, with one pseudo-observation of each outcome: what a run's probability is made of.
    private static double LargestRunShare(double[] column)
    {
        double repeats = 0;
        for (var i = 1; i < column.Length; i++)
        {
            repeats += column[i] == column[i - 1] ? 1 : 0;
        }

        return (repeats + 1) / (column.Length + 1);
    }
}
