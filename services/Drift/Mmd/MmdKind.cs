namespace Monitoring.Drift;

/// <summary>The kind <c>mmd</c>; see README.md beside it.</summary>
public sealed class MmdKind(MmdSessions sessions) : FeatureWindowKind<MmdOptions>
{
    public override string Name => "mmd";

    public override string Description => "The joint distribution of all columns moved (maximum mean discrepancy).";

    private protected override string Statistic => "MMD2";

    private protected override IFeatureMap CreateMap(FeatureWindowReference reference, MmdOptions options, ulong seed) =>
        new FourierFeatures(reference.Columns, options.Features, reference.Sigma, seed);

    private protected override IWindowTest CreateTest(FeatureWindowReference reference, IFeatureMap map, MmdOptions options, ulong seed)
    {
        var rows = Math.Min(reference.Count, options.TestReference);
        return new PermutationTest(new MmdPermutationTest(sessions, reference.Rows[..(rows * reference.Columns)], reference.Columns, reference.Sigma), options.Permutations);
    }

    private sealed class PermutationTest(MmdPermutationTest test, int permutations) : IWindowTest
    {
        public Statistics.TestResult Test(ReadOnlyMemory<float> window, ulong seed) => test.Test(window, permutations, seed);
    }
}
