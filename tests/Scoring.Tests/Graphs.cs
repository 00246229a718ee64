namespace Monitoring.Scoring.Tests;

/// <summary>Small models built in code.</summary>
internal static class Graphs
{
    /// <summary>y = x · [[1,2],[3,4],[5,6]] + 1, x FP32 [rows,3].</summary>
    public static byte[] Affine(object? rows = null)
    {
        rows ??= "n";
        var g = new OnnxGraphBuilder("affine");
        var x = g.Input("x", TensorType.Float32, rows, 3);
        var y = g.Add(g.MatMul(x, g.Constant<float>([1, 2, 3, 4, 5, 6], 3, 2)), g.Scalar(TensorType.Float32, 1));
        g.Output("y", y, TensorType.Float32, rows, 2);
        return g.Build();
    }

    public static float[] AffineOf(params float[] x)
    {
        var y = new float[x.Length / 3 * 2];
        for (var i = 0; i < x.Length / 3; i++)
        {
            y[2 * i] = x[3 * i] + (3 * x[(3 * i) + 1]) + (5 * x[(3 * i) + 2]) + 1;
            y[(2 * i) + 1] = (2 * x[3 * i]) + (4 * x[(3 * i) + 1]) + (6 * x[(3 * i) + 2]) + 1;
        }

        return y;
    }
}
