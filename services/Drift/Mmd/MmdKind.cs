using System.Buffers;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>mmd</c>; see README.md beside it.</summary>
public sealed class MmdKind(MmdSessions sessions) : MonitorKind<MmdOptions>
{
    private const byte Version = 1;
    private const int MinimumRows = 50;
    private const int BandwidthRows = 1_000;
    private const int MaximumHeldOut = 1_000;
    private const long MaximumValues = 16L << 20;

    public override string Name => "mmd";

    public override string Description => "The joint distribution of all columns moved (maximum mean discrepancy).";

    public override Family Family => Family.Drift;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, MmdOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var all = context.Reference.All;
        var limit = (int)Math.Clamp(MaximumValues / Math.Max(1, all.Width), MinimumRows, options.MaximumReference);
        int[] keep = [.. Enumerable.Range(0, all.Count).Where(i => all.Rows[i].Admitted)
            .OrderBy(i => StableHash.Combine(all.Rows[i].EventHash, context.Seed)).Take(limit)];
        if (keep.Length < MinimumRows)
        {
            throw new FitException($"mmd needs at least {MinimumRows} reference rows, got {keep.Length}");
        }

        // In the order of the sample: its first rows are the test's reference.
        var rows = all.Select(keep);
        var encoder = RowEncoder.Learn(rows, options.Scaling);
        var encoded = encoder.Encode(rows);
        var bandwidthRows = Math.Min(rows.Count, BandwidthRows);
        var sigma = options.Sigma ?? GaussianKernel.MedianHeuristic(encoded.AsSpan(0, bandwidthRows * encoder.Columns), encoder.Columns);
        if (!(sigma > 1e-12))
        {
            throw new FitException("mmd: the reference rows are all equal; there is no distance to compare with");
        }

        var features = new FourierFeatures(encoder.Columns, options.Features, sigma, context.Seed);
        var mean = new double[options.Features];
        var embedding = new float[options.Features];
        var single = Array.ConvertAll(encoded, v => (float)v);
        var heldOut = HeldOut(rows.Count);
        for (var r = heldOut; r < rows.Count; r++)
        {
            features.Map(single.AsSpan(r * encoder.Columns, encoder.Columns), embedding);
            for (var f = 0; f < mean.Length; f++)
            {
                mean[f] += embedding[f] / (double)(rows.Count - heldOut);
            }
        }

        var output = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Version);
        writer.WriteDouble(sigma);
        writer.WriteCount(heldOut);
        writer.WriteDoubles(mean);
        encoder.Save(output);
        writer.WriteBytes(MemoryMarshal.AsBytes(single.AsSpan(0, Math.Max(heldOut, Math.Min(rows.Count, options.TestReference)) * encoder.Columns)));
        return ValueTask.FromResult(new FittedParameters(output.WrittenMemory.ToArray()));
    }

    protected override IMonitor Create(MonitorContext context, MmdOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("mmd: parameters of an unknown version");
        }

        var sigma = reader.ReadDouble();
        var heldOut = checked((int)reader.ReadCount());
        var mean = reader.ReadDoubles();
        var encoder = RowEncoder.Restore(ref reader);
        var reference = MemoryMarshal.Cast<byte, float>(reader.ReadBytes()).ToArray();
        reader.ExpectEnd();
        var features = new FourierFeatures(encoder.Columns, mean.Length, sigma, context.Seed);
        var embeddings = new float[heldOut * mean.Length];
        for (var r = 0; r < heldOut; r++)
        {
            features.Map(reference.AsSpan(r * encoder.Columns, encoder.Columns), embeddings.AsSpan(r * mean.Length, mean.Length));
        }

        return new MmdMonitor(
            encoder,
            features,
            mean,
            embeddings,
            new MmdPermutationTest(sessions, reference, encoder.Columns, sigma),
            options,
            context.Seed);
    }

    // The first half of the sample, which the direction of a bet never sees.
    private static int HeldOut(int rows) => Math.Min(MaximumHeldOut, rows / 2);
}
