using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>
/// The permutation test of MMD² (Gretton et al. 2012): all permutations of the pooled rows at once, as columns of one matrix
/// product on ONNX Runtime. p = (1 + #{permuted ≥ observed})/(permutations + 1), exact for exchangeable rows.
/// </summary>
public sealed class MmdPermutationTest(ScoringKernels kernels, float[] reference, int columns, double sigma)
{
    private readonly int _referenceRows = reference.Length / columns;

    /// <summary>Tests a window of at least two rows; the same seed gives the same permutations.</summary>
    public TestResult Test(ReadOnlySpan<float> window, int permutations, ulong seed, CancellationToken cancellationToken = default)
    {
        var windowRows = window.Length / columns;
        var total = _referenceRows + windowRows;
        var pooled = new float[(long)total * columns];
        reference.CopyTo(pooled, 0);
        window.CopyTo(pooled.AsSpan(reference.Length));

        // Column 0 is the data's own split; 1 marks the smaller side, the window.
        var width = permutations + 1;
        var splits = new float[(long)total * width];
        for (var i = _referenceRows; i < total; i++)
        {
            splits[(long)i * width] = 1;
        }

        var random = new Random(unchecked((int)(seed ^ (seed >> 32))));
        var order = new int[total];
        for (var i = 0; i < total; i++)
        {
            order[i] = i;
        }

        for (var p = 1; p <= permutations; p++)
        {
            for (var i = 0; i < windowRows; i++)
            {
                var other = random.Next(i, total);
                (order[i], order[other]) = (order[other], order[i]);
                splits[((long)order[i] * width) + p] = 1;
            }
        }

        var statistics = kernels.MaximumMeanDiscrepancy(new Matrix<float>(pooled, total, columns), new Matrix<float>(splits, total, width), [sigma], cancellationToken);
        var atLeast = 1;
        for (var p = 1; p <= permutations; p++)
        {
            atLeast += statistics[p] >= statistics[0] ? 1 : 0;
        }

        return new TestResult(statistics[0], atLeast / (permutations + 1.0));
    }
}
