using System.Numerics.Tensors;

namespace Monitoring.AllInOne.Drills;

/// <summary>Arithmetic on inputs.</summary>
internal static class Vectors
{
    public static int ArgMax(ReadOnlySpan<float> values) => TensorPrimitives.IndexOfMax(values);

    public static double Distance(float[] a, float[] b) => TensorPrimitives.Distance<float>(a, b);

    /// <summary>a + scale·b, into a new vector, clipped to [0, 1].</summary>
    public static float[] AddClipped(float[] a, float[] b, double scale)
    {
        var sum = new float[a.Length];
        for (var i = 0; i < sum.Length; i++)
        {
            sum[i] = Math.Clamp(a[i] + ((float)scale * b[i]), 0f, 1f);
        }

        return sum;
    }

    /// <summary>(1 − share)·a + share·b, clipped to [0, 1]: a share above 1 goes beyond b.</summary>
    public static float[] Blend(float[] a, float[] b, double share)
    {
        var blend = new float[a.Length];
        for (var i = 0; i < blend.Length; i++)
        {
            blend[i] = (float)Math.Clamp(((1 - share) * a[i]) + (share * b[i]), 0, 1);
        }

        return blend;
    }

    /// <summary>Vectors of one length, one after the other.</summary>
    public static float[] Stack(IReadOnlyList<float[]> vectors) => [.. vectors.SelectMany(v => v)];
}
