using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>
/// The permutation test of the unbiased MMD² (Gretton et al. 2012, eq. 3): all permutations of the pooled rows at once, as
/// columns of matrix products on ONNX Runtime. p = (1 + #{permuted ≥ observed})/(permutations + 1), exact for exchangeable
/// rows. Holds the reference's Gram matrix, n² single-precision numbers, from the first test on. Thread-safe.
/// </summary>
public sealed class MmdPermutationTest(MmdSessions sessions, float[] reference, int columns, double sigma)
{
    private readonly int _rows = reference.Length / columns;
    private readonly float[] _root = [(float)(1 / sigma)];
    private readonly Lazy<ScoringTensor[]> _reference = new(() =>
    {
        var rows = reference.Length / columns;
        var result = sessions.Gram.Run(
        [
            ScoringTensor.Create("rows", reference, rows, columns),
            ScoringTensor.Create("root2gamma", new[] { (float)(1 / sigma) }, 1),
        ]);
        return
        [
            new ScoringTensor("reference", TensorType.Float32, result[0].Shape, result[0].Data),
            new ScoringTensor("origin", TensorType.Float32, result[1].Shape, result[1].Data),
            new ScoringTensor("gram", TensorType.Float32, result[2].Shape, result[2].Data),
            new ScoringTensor("rowsums", TensorType.Float32, result[3].Shape, result[3].Data),
        ];
    });

    /// <summary>Tests a window of at least two rows; the same seed gives the same permutations.</summary>
    public TestResult Test(ReadOnlyMemory<float> window, int permutations, ulong seed, CancellationToken cancellationToken = default)
    {
        var windowRows = window.Length / columns;
        var width = permutations + 1;

        // Column 0 is the data's own split; 1 marks the window's side.
        var fromReference = new float[(long)_rows * width];
        var fromWindow = new float[(long)windowRows * width];
        for (var i = 0; i < windowRows; i++)
        {
            fromWindow[i * width] = 1;
        }

        var total = _rows + windowRows;
        var state = seed;
        var order = new int[total];
        for (var i = 0; i < total; i++)
        {
            order[i] = i;
        }

        for (var p = 1; p <= permutations; p++)
        {
            for (var i = 0; i < windowRows; i++)
            {
                // A uniform number below total − i by the high word of a product (Lemire 2019); its bias of (total − i)/2⁶⁴ is none.
                state += 0x9E3779B97F4A7C15;
                var other = i + (int)Math.BigMul(Mixing.Mix(state), (ulong)(total - i), out _);
                (order[i], order[other]) = (order[other], order[i]);
                var row = order[i];
                if (row < _rows)
                {
                    fromReference[(row * width) + p] = 1;
                }
                else
                {
                    fromWindow[((row - _rows) * width) + p] = 1;
                }
            }
        }

        var sums = sessions.Sums.Run(
            [
                .. _reference.Value,
                ScoringTensor.Create("window", window, windowRows, columns),
                ScoringTensor.Create("root2gamma", _root, 1),
                ScoringTensor.Create("ur", fromReference, _rows, width),
                ScoringTensor.Create("uw", fromWindow, windowRows, width),
            ],
            null,
            cancellationToken);
        var within = sums[0].AsSpan<float>();
        var first = sums[1].AsSpan<float>();
        double all = sums[2].AsSpan<float>()[0], n = windowRows, m = _rows, observed = 0;
        var atLeast = 1;
        for (var i = 0; i < width; i++)
        {
            double xx = within[i], xy = first[i] - xx, yy = all - xx - (2 * xy);

            // The diagonal is k(x, x) = 1.
            var statistic = ((xx - n) / (n * (n - 1))) + ((yy - m) / (m * (m - 1))) - (2 * xy / (n * m));
            if (i == 0)
            {
                observed = statistic;
            }
            else
            {
                atLeast += statistic >= observed ? 1 : 0;
            }
        }

        return new TestResult(observed, atLeast / (permutations + 1.0));
    }
}
