using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>lsdd</c>; see README.md beside it.</summary>
public sealed class LsddKind : FeatureWindowKind<LsddOptions>
{
    public override string Name => "lsdd";

    public override string Description => "The density of all columns together moved (least-squares density difference).";

    private protected override string Statistic => "LSDD";

    // Centres are rows that are not held out.
    private protected override IFeatureMap CreateMap(FeatureWindowReference reference, LsddOptions options, ulong seed) =>
        new KernelFeatures(Centres(reference, options), reference.Columns, reference.Sigma);

    private protected override Func<double[], double[]> CreateDirection(FeatureWindowReference reference, IFeatureMap map)
    {
        var centres = reference.From(reference.HeldOut)[..(map.Count * reference.Columns)];
        return new DensityDifferenceWitness(Wide(centres), reference.Columns, reference.Sigma).DirectionOf;
    }

    private protected override IWindowTest CreateTest(FeatureWindowReference reference, IFeatureMap map, LsddOptions options, ulong seed)
    {
        var count = Math.Min(reference.Count, Math.Max(options.TestReference, reference.HeldOut + map.Count));
        int[] centres = [.. Enumerable.Range(reference.HeldOut, map.Count)];
        int[] others = [.. Enumerable.Range(0, count).Where(r => r < reference.HeldOut || r >= reference.HeldOut + map.Count)];
        return new LsddTest(
            new Lazy<LeastSquaresDensityDifference>(() => new LeastSquaresDensityDifference(Wide(reference.Rows.AsSpan(0, count * reference.Columns)), reference.Columns, centres, others)),
            options.Permutations);
    }

    private static float[] Centres(FeatureWindowReference reference, LsddOptions options)
    {
        var count = Math.Clamp(options.Centres, 2, Math.Max(2, Math.Min(options.TestReference, reference.Count) / 4));
        return reference.From(reference.HeldOut)[..(Math.Min(count, reference.Count - reference.HeldOut) * reference.Columns)].ToArray();
    }

    private static double[] Wide(ReadOnlySpan<float> values) => Array.ConvertAll(values.ToArray(), v => (double)v);
}
