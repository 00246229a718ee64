using System.Text.Json;

namespace Monitoring.Explainer.Tests;

/// <summary>Outputs of shap 0.46 and a softmax model of real digits, from the project's references.</summary>
internal static class Golden
{
    public static JsonElement Read(string file)
    {
        using var stream = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "golden", file));
        return JsonDocument.Parse(stream).RootElement;
    }

    public static double[] Vector(this JsonElement element) => [.. element.EnumerateArray().Select(e => e.GetDouble())];

    public static double[][] Matrix(this JsonElement element) => [.. element.EnumerateArray().Select(Vector)];

    public static float[] Floats(double[][] rows) => [.. rows.SelectMany(r => r).Select(v => (float)v)];

    /// <summary>The softmax model, in doubles: softmax(xW + b), 784 to 10.</summary>
    public static DelegateModel SoftmaxDigits()
    {
        var file = Read("mnist_softmax.json");
        var w = file.GetProperty("w").Matrix();
        var b = file.GetProperty("b").Vector();
        return new DelegateModel(784, 10, (row, output) =>
        {
            var z = output.Span;
            b.CopyTo(z);
            for (var i = 0; i < 784; i++)
            {
                double x = row.Span[i];
                if (x != 0)
                {
                    for (var k = 0; k < 10; k++)
                    {
                        z[k] += x * w[i][k];
                    }
                }
            }

            var max = double.NegativeInfinity;
            foreach (var v in z)
            {
                max = Math.Max(max, v);
            }

            var sum = 0.0;
            for (var k = 0; k < 10; k++)
            {
                sum += z[k] = Math.Exp(z[k] - max);
            }

            for (var k = 0; k < 10; k++)
            {
                z[k] /= sum;
            }
        });
    }

    public static float[] Digit(int index) => [.. Read("mnist_softmax.json").GetProperty("sample_x")[index].Vector().Select(v => (float)v)];
}
