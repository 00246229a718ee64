using System.Buffers;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>
/// A kind that scores every row against a frozen reference. The profile holds the encoded reference; the scorer is built from
/// it. Calibration uses every reference row: without itself where the scorer can leave one out, else by five-fold cross-fitting.
/// </summary>
/// <typeparam name="TOptions">The kind's options.</typeparam>
public abstract class RowOutlierKind<TOptions> : MonitorKind<TOptions>
    where TOptions : RowOutlierOptions, new()
{
    private const int MinimumRows = 20;
    private const int Folds = 5;

    // Memory of one profile: 64 MiB of single-precision numbers.
    private const long MaximumValues = 16L << 20;

    public override Family Family => Family.Outlier;

    /// <summary>Whether the scorer is an <see cref="ILeaveOneOutScorer"/>.</summary>
    private protected virtual bool LeavesOneOut => false;

    private protected abstract IRowScorer Build(ReadOnlySpan<double> reference, RowEncoder encoder, TOptions options, ulong seed);

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, TOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var all = context.Reference.All;
        var keep = Sample(all, Math.Min(options.MaximumReference, (int)Math.Max(MinimumRows, MaximumValues / Math.Max(1, all.Width))), context.Seed);
        if (keep.Length < MinimumRows)
        {
            throw new FitException($"{Name} needs at least {MinimumRows} reference rows to fit on, got {keep.Length}");
        }

        var rows = all.Select(keep);
        var encoder = RowEncoder.Learn(rows, options.Scaling);

        // Single precision is what the profile keeps: fit and restore must see the same numbers.
        var reference = Array.ConvertAll(encoder.Encode(rows), v => (float)v);
        var output = new ArrayBufferWriter<byte>();
        encoder.Save(output);
        new CanonicalWriter(output).WriteBytes(MemoryMarshal.AsBytes(reference.AsSpan()));
        if (keep.Length < all.Count)
        {
            context.Warn($"{keep.Length} of {all.Count} reference rows are kept (maximumReference)");
        }

        var values = Array.ConvertAll(reference, v => (double)v);

        // As the live monitor gives them: in single precision, so that equal scores are equal.
        var scores = LeavesOneOut
            ? ((ILeaveOneOutScorer)Build(values, encoder, options, context.Seed)).ReferenceScores
            : CrossScores(values, encoder, options, context.Seed);
        return ValueTask.FromResult(new FittedParameters(output.WrittenMemory.ToArray(), [new CalibrationColumn(0, keep, Array.ConvertAll(scores, s => (double)RowOutlierMonitor.Narrow(s)))]));
    }

    // Every row scored by a scorer built without its fold.
    private double[] CrossScores(double[] reference, RowEncoder encoder, TOptions options, ulong seed)
    {
        var width = encoder.Columns;
        var rows = reference.Length / width;
        var scores = new double[rows];
        for (var fold = 0; fold < Folds; fold++)
        {
            List<double> inside = [], outside = [];
            for (var r = 0; r < rows; r++)
            {
                (Fold(r, seed) == fold ? inside : outside).AddRange(reference.AsSpan(r * width, width));
            }

            if (inside.Count == 0)
            {
                continue;
            }

            var part = new double[inside.Count / width];
            Build(CollectionsMarshal.AsSpan(outside), encoder, options, seed).Score(CollectionsMarshal.AsSpan(inside), part);
            for (int r = 0, next = 0; r < rows; r++)
            {
                if (Fold(r, seed) == fold)
                {
                    scores[r] = part[next++];
                }
            }
        }

        return scores;

        static int Fold(int row, ulong seed) => (int)(StableHash.Combine((ulong)row, seed) % Folds);
    }

    protected override IMonitor Create(MonitorContext context, TOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        var reader = new CanonicalReader(context.Parameters.Span);
        var encoder = RowEncoder.Restore(ref reader);
        var bytes = reader.ReadBytes();
        reader.ExpectEnd();
        var reference = Array.ConvertAll(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), v => (double)v);
        return new RowOutlierMonitor(encoder, Build(reference, encoder, options, context.Seed));
    }

    /// <summary>A sample without replacement that does not depend on the order of the rows.</summary>
    private protected static int[] Sample(RowBatch rows, int limit, ulong seed) =>
        rows.Count <= limit
            ? [.. Enumerable.Range(0, rows.Count)]
            : [.. Enumerable.Range(0, rows.Count).OrderBy(i => StableHash.Combine(rows.Rows[i].EventHash, seed)).Take(limit).Order()];
}
