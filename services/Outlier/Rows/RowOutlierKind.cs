using System.Buffers;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>
/// A kind that scores every row against a frozen reference. The profile holds the encoded reference; the scorer is built from
/// it. Scorers that can leave a row out calibrate on the whole reference, others on rows held out from fitting.
/// </summary>
/// <typeparam name="TOptions">The kind's options.</typeparam>
public abstract class RowOutlierKind<TOptions> : MonitorKind<TOptions>
    where TOptions : RowOutlierOptions, new()
{
    private const int MinimumRows = 20;

    // Memory of one profile: 64 MiB of single-precision numbers.
    private const long MaximumValues = 16L << 20;

    public override Family Family => Family.Outlier;

    /// <summary>Whether the scorer is an <see cref="ILeaveOneOutScorer"/>.</summary>
    private protected virtual bool LeavesOneOut => false;

    private protected abstract IRowScorer Build(ReadOnlySpan<double> reference, RowEncoder encoder, TOptions options, ulong seed);

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, TOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var (all, indices) = LeavesOneOut
            ? (context.Reference.All, Enumerable.Range(0, context.Reference.All.Count).ToArray())
            : (context.Reference.Fit, Enumerable.Range(0, context.Reference.Fit.Count).ToArray());
        var keep = Sample(all, indices, Math.Min(options.MaximumReference, (int)Math.Max(MinimumRows, MaximumValues / Math.Max(1, all.Width))), context.Seed);
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
        if (keep.Length < indices.Length)
        {
            context.Warn($"{keep.Length} of {indices.Length} reference rows are kept (maximumReference)");
        }

        CalibrationColumn[]? calibration = null;
        if (LeavesOneOut)
        {
            var scorer = (ILeaveOneOutScorer)Build(Array.ConvertAll(reference, v => (double)v), encoder, options, context.Seed);

            // As the live monitor gives them: in single precision, so that equal scores are equal.
            calibration = [new CalibrationColumn(0, keep, Array.ConvertAll(scorer.ReferenceScores, s => (double)RowOutlierMonitor.Narrow(s)))];
        }

        return ValueTask.FromResult(new FittedParameters(output.WrittenMemory.ToArray(), calibration));
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

    // A sample without replacement that does not depend on the order of the rows.
    private static int[] Sample(RowBatch rows, int[] indices, int limit, ulong seed) =>
        indices.Length <= limit
            ? indices
            : [.. indices.OrderBy(i => StableHash.Combine(rows.Rows[i].EventHash, seed)).Take(limit).Order()];
}
