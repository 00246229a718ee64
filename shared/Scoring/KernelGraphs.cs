namespace Monitoring.Scoring;

/// <summary>
/// The linear algebra of monitors as ONNX graphs. References and parameters are inputs, so one session per graph serves
/// every model. Element type FP32 or FP64.
/// </summary>
public static class KernelGraphs
{
    /// <summary>
    /// <c>a</c> [n,d], <c>b</c> [m,d] → <c>d2</c> [n,m]: squared Euclidean distances, ≥ 0, by ‖a‖² + ‖b‖² − 2a·b after
    /// moving the origin to the mean of b, which keeps the cancellation small.
    /// </summary>
    public static byte[] SquaredDistances(TensorType type)
    {
        var g = new OnnxGraphBuilder("squared_distances");
        var a = g.Input("a", type, "n", "d");
        var b = g.Input("b", type, "m", "d");
        g.Output("d2", SquaredDistances(g, type, a, b), type, "n", "m");
        return g.Build();
    }

    /// <summary>
    /// <c>queries</c> [n,d], <c>reference</c> [m,d], <c>k</c> INT64 [1] (≤ m) → <c>distances</c> [n,k] Euclidean, ascending, and
    /// <c>indices</c> INT64 [n,k]. Candidates come from the matrix product; their distances are then computed from the
    /// differences, so an exact repeat has distance 0.
    /// </summary>
    public static byte[] NearestNeighbours(TensorType type)
    {
        var g = new OnnxGraphBuilder("nearest_neighbours");
        var queries = g.Input("queries", type, "n", "d");
        var reference = g.Input("reference", type, "m", "d");
        var k = g.Input("k", TensorType.Int64, 1);
        var (_, candidates) = g.TopK(SquaredDistances(g, type, queries, reference), k, axis: 1, largest: false);
        var rows = g.Gather(reference, candidates, axis: 0);
        var difference = g.Sub(rows, g.Unsqueeze(queries, 1));
        var (squares, order) = g.TopK(g.ReduceSumSquare(difference, false, 2), k, axis: 1, largest: false);
        g.Output("distances", g.Sqrt(squares), type, "n", "k_");
        g.Output("indices", g.GatherElements(candidates, order, axis: 1), TensorType.Int64, "n", "k_");
        return g.Build();
    }

    /// <summary>
    /// RBF kernel sums of all permutations at once. <c>z</c> [N,d] pooled rows, <c>u</c> [N,c] of 0 and 1 (which rows a column
    /// counts as the first sample), <c>root2gamma</c> scalars √(2γ), γ = 1/(2σ²), as [g]; with K the mean over g of exp(−γ‖·‖²):
    /// <c>within</c> [c] = column sums of u ∘ (K·u), <c>first</c> [c] = column sums of u ∘ (K·1), <c>total</c> = 1ᵀK1.
    /// </summary>
    public static byte[] MmdSums(TensorType type, int kernels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(kernels, 1);
        var g = new OnnxGraphBuilder("mmd_sums");
        var z = g.Input("z", type, "N", "d");
        var u = g.Input("u", type, "N", "c");
        var roots = g.Input("root2gamma", type, kernels);
        var centred = g.Sub(z, g.ReduceMean(z, true, 0));
        string? kernel = null;
        for (var i = 0; i < kernels; i++)
        {
            var gram = RbfGram(g, type, g.Mul(centred, g.Slice(roots, i, i + 1, 0)));
            kernel = kernel is null ? gram : g.Add(kernel, gram);
        }

        if (kernels > 1)
        {
            kernel = g.Mul(kernel!, g.Scalar(type, 1.0 / kernels));
        }

        var rowSums = g.ReduceSum(kernel!, true, 1);
        g.Output("within", g.ReduceSum(g.Mul(u, g.MatMul(kernel!, u)), false, 0), type, "c");
        g.Output("first", g.ReduceSum(g.Mul(u, rowSums), false, 0), type, "c");
        g.Output("total", g.ReduceSum(rowSums, false), type);
        return g.Build();
    }

    /// <summary>
    /// <c>x</c> [n,d], <c>means</c> [c,d], <c>whitening</c> [d,r] (W with precision = W·Wᵀ) → <c>d2</c> [n,c]: squared Mahalanobis
    /// distances ‖(x − mean)·W‖² to each mean.
    /// </summary>
    public static byte[] Mahalanobis(TensorType type)
    {
        var g = new OnnxGraphBuilder("mahalanobis");
        var x = g.Input("x", type, "n", "d");
        var means = g.Input("means", type, "c", "d");
        var whitening = g.Input("whitening", type, "d", "r");
        var origin = g.ReduceMean(means, true, 0);
        var a = g.MatMul(g.Sub(x, origin), whitening);
        var b = g.MatMul(g.Sub(means, origin), whitening);
        // Few means: differences are cheap and exact.
        var difference = g.Sub(g.Unsqueeze(a, 1), g.Unsqueeze(b, 0));
        g.Output("d2", g.ReduceSumSquare(difference, false, 2), type, "n", "c");
        return g.Build();
    }

    private static string SquaredDistances(OnnxGraphBuilder g, TensorType type, string a, string b)
    {
        var origin = g.ReduceMean(b, true, 0);
        var x = g.Sub(a, origin);
        var y = g.Sub(b, origin);
        var xx = g.ReduceSumSquare(x, true, 1);
        var yy = g.Transpose(g.ReduceSumSquare(y, true, 1), 1, 0);
        // −2·x·yᵀ + ‖y‖² in one pass; the rest of the sum and the clip take one each.
        var cross = g.Gemm(x, y, yy, alpha: -2, transposeB: true);
        return g.Max(g.Add(cross, xx), g.Scalar(type, 0));
    }

    /// <summary>exp(−½‖x_i − x_j‖²) of all pairs: one product of the rows extended by (−½‖x‖², 1) and (1, −½‖x‖²), then exp.</summary>
    private static string RbfGram(OnnxGraphBuilder g, TensorType type, string x)
    {
        var half = g.Mul(g.ReduceSumSquare(x, true, 1), g.Scalar(type, -0.5));
        var one = g.Add(g.Mul(half, g.Scalar(type, 0)), g.Scalar(type, 1));
        var left = g.Concat(1, x, half, one);
        var right = g.Concat(1, x, one, half);
        return g.Exp(g.Gemm(left, right, transposeB: true));
    }
}
