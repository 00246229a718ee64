using Monitoring.Scoring;

namespace Monitoring.Drift;

/// <summary>
/// MMD's kernel sums for one reference and many windows as an ONNX graph: the reference's Gram matrix is an input, computed
/// once, so a window costs only its own rows' kernels and the products with the permutations.
/// </summary>
internal static class MmdGraph
{
    /// <summary>
    /// <c>reference</c> [n,d], <c>window</c> [m,d], <c>gram</c> [n,n] of the reference, <c>root2gamma</c> [1] = 1/σ, <c>ur</c> [n,c] and <c>uw</c> [m,c] of
    /// 0 and 1 → <c>within</c> [c] = column sums of u ∘ (K·u), <c>first</c> [c] = column sums of u ∘ (K·1), <c>total</c> = 1ᵀK1.
    /// </summary>
    public static byte[] Sums()
    {
        const TensorType Type = TensorType.Float32;
        var g = new OnnxGraphBuilder("mmd_reference_sums");
        var reference = g.Input("reference", Type, "n", "d");
        var window = g.Input("window", Type, "m", "d");
        var gram = g.Input("gram", Type, "n", "n");
        var root = g.Input("root2gamma", Type, 1);
        var ur = g.Input("ur", Type, "n", "c");
        var uw = g.Input("uw", Type, "m", "c");
        var rowSumsR = g.Input("rowsumsr", Type, "n", 1);
        var origin = g.ReduceMean(reference, true, 0);
        var r = g.Mul(g.Sub(reference, origin), root);
        var w = g.Mul(g.Sub(window, origin), root);
        var cross = Kernel(g, r, w);
        var within = Kernel(g, w, w);
        var crossT = g.Transpose(cross, 1, 0);
        var top = g.Add(g.MatMul(gram, ur), g.MatMul(cross, uw));
        var bottom = g.Add(g.MatMul(crossT, ur), g.MatMul(within, uw));
        g.Output("within", g.Add(g.ReduceSum(g.Mul(ur, top), false, 0), g.ReduceSum(g.Mul(uw, bottom), false, 0)), Type, "c");
        var sumsR = g.Add(rowSumsR, g.ReduceSum(cross, true, 1));
        var sumsW = g.Add(g.ReduceSum(crossT, true, 1), g.ReduceSum(within, true, 1));
        g.Output("first", g.Add(g.ReduceSum(g.Mul(ur, sumsR), false, 0), g.ReduceSum(g.Mul(uw, sumsW), false, 0)), Type, "c");
        g.Output("total", g.Add(g.ReduceSum(sumsR, false), g.ReduceSum(sumsW, false)), Type);
        return g.Build();
    }

    /// <summary><c>rows</c> [n,d], <c>root2gamma</c> [1] → <c>gram</c> [n,n], <c>rowsums</c> [n,1].</summary>
    public static byte[] Gram()
    {
        const TensorType Type = TensorType.Float32;
        var g = new OnnxGraphBuilder("mmd_gram");
        var rows = g.Input("rows", Type, "n", "d");
        var root = g.Input("root2gamma", Type, 1);
        var r = g.Mul(g.Sub(rows, g.ReduceMean(rows, true, 0)), root);
        var gram = Kernel(g, r, r);
        g.Output("gram", gram, Type, "n", "n");
        g.Output("rowsums", g.ReduceSum(gram, true, 1), Type, "n", 1);
        return g.Build();
    }

    // exp(−½‖a_i − b_j‖²) = exp(a_i·b_j − ½‖a_i‖² − ½‖b_j‖²), the norms as two more columns of the product.
    private static string Kernel(OnnxGraphBuilder g, string a, string b)
    {
        const TensorType Type = TensorType.Float32;
        string Half(string x) => g.Mul(g.ReduceSumSquare(x, true, 1), g.Scalar(Type, -0.5));
        var halfA = Half(a);
        var halfB = Half(b);
        string One(string half) => g.Add(g.Mul(half, g.Scalar(Type, 0)), g.Scalar(Type, 1));
        return g.Exp(g.Gemm(g.Concat(1, a, halfA, One(halfA)), g.Concat(1, b, One(halfB), halfB), transposeB: true));
    }
}
