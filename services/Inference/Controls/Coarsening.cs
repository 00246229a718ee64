using System.Runtime.InteropServices;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>
/// Outputs that tell less (MITRE ATLAS AML.M0002): floating-point values rounded to some decimals, or of every row of scores the top
/// one only, as 1 among zeros. Whole numbers and strings stay what they are.
/// </summary>
internal static class Coarsening
{
    public static IReadOnlyList<ScoringTensor> Apply(IReadOnlyList<ScoringTensor> outputs, int decimals)
    {
        var result = new ScoringTensor[outputs.Count];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = outputs[i].Type switch
            {
                TensorType.Float32 => Apply<float>(outputs[i], decimals, static v => v, static v => (float)v),
                TensorType.Float64 => Apply<double>(outputs[i], decimals, static v => v, static v => v),
                TensorType.Float16 => Apply<Half>(outputs[i], decimals, static v => (double)v, static v => (Half)v),
                _ => outputs[i],
            };
        }

        return result;
    }

    private static ScoringTensor Apply<T>(ScoringTensor tensor, int decimals, Func<T, double> read, Func<double, T> write)
        where T : unmanaged
    {
        var data = tensor.Data.ToArray();
        var values = MemoryMarshal.Cast<byte, T>(data.AsSpan());
        var width = tensor.Shape.Length == 0 ? 1 : (int)tensor.Shape[^1];
        if (decimals == 0 && width > 1)
        {
            for (var row = 0; row + width <= values.Length; row += width)
            {
                TopOnly(values.Slice(row, width), read, write);
            }
        }
        else
        {
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = write(Math.Round(read(values[i]), decimals));
            }
        }

        return new ScoringTensor(tensor.Name, tensor.Type, tensor.Shape, data);
    }

    private static void TopOnly<T>(Span<T> scores, Func<T, double> read, Func<double, T> write)
    {
        var top = -1;
        for (var i = 0; i < scores.Length; i++)
        {
            if (!double.IsNaN(read(scores[i])) && (top < 0 || read(scores[i]) > read(scores[top])))
            {
                top = i;
            }
        }

        for (var i = 0; i < scores.Length; i++)
        {
            scores[i] = write(i == top ? 1 : 0);
        }
    }
}
