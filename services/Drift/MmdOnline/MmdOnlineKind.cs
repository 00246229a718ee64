using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>mmd-online</c>; see README.md beside it.</summary>
public sealed class MmdOnlineKind : MonitorKind<MmdOnlineOptions>
{
    private const byte Version = 1;
    private const int BandwidthRows = 1_000;
    private const int BootstrapsPerRunTime = 10;

    // Windows of held-out rows that measure the rate of crossings.
    private const int CheckLooks = 20_000;
    private const long MaximumValues = 4L << 20;

    public override string Name => "mmd-online";

    public override string Description => "The joint distribution of all columns moved, looked at with every row (online maximum mean discrepancy).";

    public override Family Family => Family.Drift;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, MmdOnlineOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var limit = (int)Math.Clamp(MaximumValues / Math.Max(1, context.Model.Width), 4 * options.Window, options.MaximumReference);
        RowBatch known = Sample(context.Reference.Fit, limit, context.Seed), clean = Sample(context.Reference.Calibration, limit, context.Seed);
        if (known.Count < 4 * options.Window || clean.Count < 2 * options.Window)
        {
            throw new FitException($"mmd-online needs at least {12 * options.Window} reference rows for windows of {options.Window}, got {context.Reference.All.Count}");
        }

        var encoder = RowEncoder.Learn(known, options.Scaling);
        var rows = encoder.Encode(known);
        var width = encoder.Columns;
        var sigma = options.Sigma ?? GaussianKernel.MedianHeuristic(rows.AsSpan(0, Math.Min(known.Count, BandwidthRows) * width), width);
        if (!(sigma > 1e-12))
        {
            throw new FitException("mmd-online: the reference rows are all equal; there is no distance to compare with");
        }

        // The sub-reference that streams are judged against has the size of the ones the thresholds were found with.
        var thresholds = OnlineThresholds.OfMmd(
            Array.ConvertAll(GaussianKernel.Gram(rows, rows, width, sigma), v => (float)v),
            known.Count,
            options.Window,
            options.ExpectedRunTime,
            BootstrapsPerRunTime * options.ExpectedRunTime,
            context.Seed);
        var single = Array.ConvertAll(rows.AsSpan(0, (known.Count - (2 * options.Window) + 1) * width).ToArray(), v => (float)v);
        var hazard = Hazard(single, encoder.Encode(clean), width, sigma, thresholds, options, context.Seed);
        if (hazard > 10.0 / options.ExpectedRunTime)
        {
            context.Warn(string.Create(CultureInfo.InvariantCulture, $"held-out rows cross every {2 / hazard:N0} rows, not every {options.ExpectedRunTime:N0}: the reference is small for so many columns"));
        }

        var output = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Version);
        writer.WriteDoubles([sigma, hazard]);
        writer.WriteDoubles(thresholds);
        encoder.Save(output);
        writer.WriteBytes(MemoryMarshal.AsBytes(single.AsSpan()));
        return ValueTask.FromResult(new FittedParameters(output.WrittenMemory.ToArray()));
    }

    protected override IMonitor Create(MonitorContext context, MmdOnlineOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("mmd-online: parameters of an unknown version");
        }

        var scalars = reader.ReadDoubles();
        var thresholds = reader.ReadDoubles();
        var encoder = RowEncoder.Restore(ref reader);
        var reference = Wide(MemoryMarshal.Cast<byte, float>(reader.ReadBytes()).ToArray());
        reader.ExpectEnd();
        if (scalars.Length != 2 || thresholds.Length != options.Window)
        {
            throw new InvalidDataException("mmd-online: parameters of another shape");
        }

        return new MmdOnlineMonitor(encoder, Detector(reference, encoder.Columns, scalars[0], options.Window), thresholds, scalars[1]);
    }

    // Twice the larger of the calibrated chance of a crossing and the one on rows that the thresholds never saw, so that the reference's finite size is no evidence.
    private static double Hazard(float[] reference, double[] clean, int width, double sigma, double[] thresholds, MmdOnlineOptions options, ulong seed)
    {
        var detector = Detector(Wide(reference), width, sigma, options.Window);
        var count = clean.Length / width;
        var sums = new double[count];
        for (var r = 0; r < count; r++)
        {
            sums[r] = detector.KernelSum(clean.AsSpan(r * width, width));
        }

        // As many looks as the window's arithmetic allows in a second or two.
        var looks = (int)Math.Clamp(200_000_000L / ((long)options.Window * width), 2_000, CheckLooks);
        var random = new Random(unchecked((int)(seed ^ (seed >> 32)) ^ 1));
        int[] order = [.. Enumerable.Range(0, count)];
        int crossings = 0, looked = 0, filled = 0, age = 0;
        for (var next = count; looked < looks; next++)
        {
            if (next >= count)
            {
                // All rows in a new order; a window does not span two orders, so it holds no row twice.
                random.Shuffle(order);
                (next, filled, age) = (0, 0, 0);
            }

            var statistic = detector.Update(clean.AsSpan(order[next] * width, width), sums[order[next]]);
            if (++filled < options.Window)
            {
                continue;
            }

            looked++;
            if (statistic >= thresholds[Math.Min(age++, thresholds.Length - 1)])
            {
                crossings++;
                (filled, age) = (0, 0);
            }
        }

        return Math.Min(0.999, 2 * Math.Max(1.0 / options.ExpectedRunTime, (crossings + (3 * Math.Sqrt(crossings + 1))) / looked));
    }

    private static OnlineMaximumMeanDiscrepancy Detector(double[] reference, int width, double sigma, int window) =>
        new(reference, reference.AsSpan(0, window * width), width, sigma);

    private static RowBatch Sample(RowBatch rows, int limit, ulong seed) =>
        rows.Select([.. Enumerable.Range(0, rows.Count).Where(i => rows.Rows[i].Admitted).OrderBy(i => StableHash.Combine(rows.Rows[i].EventHash, seed)).Take(limit)]);

    private static double[] Wide(float[] values) => Array.ConvertAll(values, v => (double)v);
}
