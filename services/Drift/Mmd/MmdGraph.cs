using Monitoring.Scoring;

namespace Monitoring.Drift;

/// <summary>
/// MMD's kernel sums for one reference and many windows as an ONNX graph: the reference's Gram matrix is an input, computed
/// once, so a window costs only its own rows' kernels and the products with the permutations.
/// </summary>
internal static class MmdGraph
{
    /// <summary>
    /// <c>reference</c> [n,d+2], rows centred, divided by σ and extended by (−½‖r‖², 1), <c>window</c> [m,d], <c>origin</c> [1,d] what the reference was
    /// centred by, <c>root2gamma</c> [1] = 1/σ, <c>gram</c> [n,n] and <c>rowsums</c> [1,n] of the reference, <c>ur</c> [n,c] and <c>uw</c> [m,c] of 0 and 1
    /// → <c>within</c> [c] = uᵀKu of every column, <c>first</c> [1,c] = uᵀK1, <c>total</c> = 1ᵀK1. K is symmetric: uᵀKu takes the kernels between
    /// reference and window once, and nothing is transposed.
    /// </summary>
    public static byte[] Sums()
    {
        const TensorType Type = TensorType.Float32;
        var g = new OnnxGraphBuilder("mmd_reference_sums");
        var reference = g.Input("reference", Type, "n", "e");
        var window = g.Input("window", Type, "m", "d");
        var origin = g.Input("origin", Type, 1, "d");
        var root = g.Input("root2gamma", Type, 1);
        var gram = g.Input("gram", Type, "n", "n");
        var rowSums = g.Input("rowsums", Type, 1, "n");
        var ur = g.Input("ur", Type, "n", "c");
        var uw = g.Input("uw", Type, "m", "c");
        var (left, right) = Extended(g, g.Mul(g.Sub(window, origin), root));
        var cross = g.Exp(g.Gemm(reference, right, transposeB: true));
        var within = g.Exp(g.Gemm(left, right, transposeB: true));

        // gram·ur + 2·cross·uw in one accumulation.
        var top = g.Gemm(cross, uw, g.MatMul(gram, ur), alpha: 2);
        var bottom = g.MatMul(within, uw);
        g.Output("within", g.Add(g.ReduceSum(g.Mul(ur, top), false, 0), g.ReduceSum(g.Mul(uw, bottom), false, 0)), Type, "c");
        var sumsR = g.Add(rowSums, g.Reshape(g.ReduceSum(cross, false, 1), 1, -1));
        var sumsW = g.Add(g.ReduceSum(cross, true, 0), g.Reshape(g.ReduceSum(within, false, 1), 1, -1));
        g.Output("first", g.Add(g.MatMul(sumsR, ur), g.MatMul(sumsW, uw)), Type, 1, "c");
        g.Output("total", g.Add(g.ReduceSum(sumsR, false), g.ReduceSum(sumsW, false)), Type);
        return g.Build();
    }

    /// <summary><c>rows</c> [n,d], <c>root2gamma</c> [1] → <c>extended</c> [n,d+2] as <see cref="Sums"/> takes it, <c>origin</c> [1,d], <c>gram</c> [n,n], <c>rowsums</c> [1,n].</summary>
    public static byte[] Gram()
    {
        const TensorType Type = TensorType.Float32;
        var g = new OnnxGraphBuilder("mmd_gram");
        var rows = g.Input("rows", Type, "n", "d");
        var root = g.Input("root2gamma", Type, 1);
        var origin = g.ReduceMean(rows, true, 0);
        var (left, right) = Extended(g, g.Mul(g.Sub(rows, origin), root));
        var gram = g.Exp(g.Gemm(left, right, transposeB: true));
        g.Output("extended", left, Type, "n", "e");
        g.Output("origin", origin, Type, 1, "d");
        g.Output("gram", gram, Type, "n", "n");
        g.Output("rowsums", g.Reshape(g.ReduceSum(gram, false, 1), 1, -1), Type, 1, "n");
        return g.Build();
    }

    // exp(−½‖a_i − b_j‖²) = exp(a_i·b_j − ½‖a_i‖² − ½‖b_j‖²), the norms as two more columns of the product: (a, −½‖a‖², 1)·(b, 1, −½‖b‖²).
    private static (string Left, string Right) Extended(OnnxGraphBuilder g, string x)
    {
        const TensorType Type = TensorType.Float32;
        var half = g.Mul(g.ReduceSumSquare(x, true, 1), g.Scalar(Type, -0.5));
        var one = g.Add(g.Mul(half, g.Scalar(Type, 0)), g.Scalar(Type, 1));
        return (g.Concat(1, x, half, one), g.Concat(1, x, one, half));
    }
}
