using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>classifier</c>; see README.md beside it.</summary>
public sealed class ClassifierKind : FeatureWindowKind<ClassifierOptions>
{
    public override string Name => "classifier";

    public override string Description => "A classifier can tell new rows from the reference (domain classifier).";

    private protected override string Statistic => "AUROC";

    private protected override IFeatureMap CreateMap(FeatureWindowReference reference, ClassifierOptions options, ulong seed) => new ClassifierFeatures(reference, seed);

    // The covariance of the rows that are not held out.
    private protected override Func<double[], double[]> CreateDirection(FeatureWindowReference reference, IFeatureMap map)
    {
        var discriminant = Discriminant(reference, map);
        return difference => discriminant.Direction(difference);
    }

    private protected override IWindowTest CreateTest(FeatureWindowReference reference, IFeatureMap map, ClassifierOptions options, ulong seed) =>
        new ClassifierTest(map, reference.Columns, Features(map, reference, 0, Math.Min(reference.HeldOut, options.TestReference)), Discriminant(reference, map));

    private static LinearDiscriminant Discriminant(FeatureWindowReference reference, IFeatureMap map) =>
        new(Features(map, reference, reference.HeldOut, reference.Count - reference.HeldOut), map.Count);
}
