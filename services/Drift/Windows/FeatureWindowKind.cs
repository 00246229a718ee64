using System.Buffers;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>A kind that tests windows of whole rows, and bets along the direction in which the means of its features moved.</summary>
/// <typeparam name="TOptions">The kind's options.</typeparam>
public abstract class FeatureWindowKind<TOptions> : MonitorKind<TOptions>
    where TOptions : FeatureWindowOptions, new()
{
    private const byte Version = 2;
    private const int MinimumRows = 50;
    private const int BandwidthRows = 1_000;
    private const int MaximumHeldOut = 1_000;

    // 64 MiB of single-precision numbers a profile.
    private const long MaximumValues = 16L << 20;

    public override Family Family => Family.Drift;

    /// <summary>Name of the statistic in findings.</summary>
    private protected abstract string Statistic { get; }

    /// <summary>The features; a function of the frozen reference alone.</summary>
    private protected abstract IFeatureMap CreateMap(FeatureWindowReference reference, TOptions options, ulong seed);

    /// <summary>Turns a difference of the features' means into the direction of a bet.</summary>
    private protected virtual Func<double[], double[]> CreateDirection(FeatureWindowReference reference, IFeatureMap map) => difference => difference;

    private protected abstract IWindowTest CreateTest(FeatureWindowReference reference, IFeatureMap map, TOptions options, ulong seed);

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, TOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var all = context.Reference.All;
        var limit = (int)Math.Clamp(MaximumValues / Math.Max(1, all.Width), MinimumRows, options.MaximumReference);
        int[] keep = [.. Enumerable.Range(0, all.Count).Where(i => all.Rows[i].Admitted)
            .OrderBy(i => StableHash.Combine(all.Rows[i].EventHash, context.Seed)).Take(limit)];
        if (keep.Length < MinimumRows)
        {
            throw new FitException($"{Name} needs at least {MinimumRows} reference rows, got {keep.Length}");
        }

        // In the order of the sample: its first rows are held out.
        var rows = all.Select(keep);
        var encoder = RowEncoder.Learn(rows, options.Scaling);
        var encoded = encoder.Encode(rows);
        var bandwidthRows = Math.Min(rows.Count, BandwidthRows);
        var sigma = options.Sigma ?? GaussianKernel.MedianHeuristic(encoded.AsSpan(0, bandwidthRows * encoder.Columns), encoder.Columns);
        if (!(sigma > 1e-12))
        {
            throw new FitException($"{Name}: the reference rows are all equal; there is no distance to compare with");
        }

        var heldOut = Math.Min(MaximumHeldOut, rows.Count / 2);
        var single = Array.ConvertAll(encoded, v => (float)v);
        var stored = Math.Min(rows.Count, Math.Max(2 * heldOut, options.TestReference));
        var reference = new FeatureWindowReference(encoder, sigma, heldOut, single[..(stored * encoder.Columns)]);
        var map = CreateMap(reference, options, context.Seed);
        var mean = new double[map.Count];
        var features = new float[map.Count];
        for (var r = heldOut; r < rows.Count; r++)
        {
            map.Map(single.AsSpan(r * encoder.Columns, encoder.Columns), features);
            for (var f = 0; f < mean.Length; f++)
            {
                mean[f] += features[f] / (double)(rows.Count - heldOut);
            }
        }

        var output = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Version);
        writer.WriteDouble(sigma);
        writer.WriteCount(heldOut);
        writer.WriteDoubles(mean);
        encoder.Save(output);
        writer.WriteBytes(MemoryMarshal.AsBytes(reference.Rows.AsSpan()));
        return ValueTask.FromResult(new FittedParameters(output.WrittenMemory.ToArray()));
    }

    protected override IMonitor Create(MonitorContext context, TOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException($"{Name}: parameters of an unknown version");
        }

        var sigma = reader.ReadDouble();
        var heldOut = checked((int)reader.ReadCount());
        var mean = reader.ReadDoubles();
        var encoder = RowEncoder.Restore(ref reader);
        var rows = MemoryMarshal.Cast<byte, float>(reader.ReadBytes()).ToArray();
        reader.ExpectEnd();
        var reference = new FeatureWindowReference(encoder, sigma, heldOut, rows);
        var map = CreateMap(reference, options, context.Seed);
        if (map.Count != mean.Length)
        {
            throw new InvalidDataException($"{Name}: {mean.Length} features in the profile, {map.Count} by its options");
        }

        return new FeatureWindowMonitor(
            encoder,
            map,
            new WitnessBet(mean, Features(map, reference, 0, heldOut), CreateDirection(reference, map)),
            CreateTest(reference, map, options, context.Seed),
            options.Window,
            Statistic,
            context.Seed);
    }

    /// <summary>Features of <paramref name="count"/> reference rows.</summary>
    private protected static float[] Features(IFeatureMap map, FeatureWindowReference reference, int first, int count)
    {
        var features = new float[count * map.Count];
        for (var r = 0; r < count; r++)
        {
            map.Map(reference.Rows.AsSpan((first + r) * reference.Columns, reference.Columns), features.AsSpan(r * map.Count, map.Count));
        }

        return features;
    }
}
