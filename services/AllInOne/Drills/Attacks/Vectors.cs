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

    /// <summary>A two-dimensional cosine wave of u by v half periods on a square image, of length 1.</summary>
    public static float[] Cosine(int u, int v, int side)
    {
        var vector = new float[side * side];
        double norm = 0;
        for (var y = 0; y < side; y++)
        {
            for (var x = 0; x < side; x++)
            {
                var value = Math.Cos(Math.PI * u * (y + 0.5) / side) * Math.Cos(Math.PI * v * (x + 0.5) / side);
                vector[(y * side) + x] = (float)value;
                norm += value * value;
            }
        }

        for (var i = 0; i < vector.Length; i++)
        {
            vector[i] /= (float)Math.Sqrt(norm);
        }

        return vector;
    }

    /// <summary>A vector of length 1; a zero vector stays as it is.</summary>
    public static float[] Unit(float[] vector)
    {
        var norm = TensorPrimitives.Norm<float>(vector);
        return norm > 0 ? Array.ConvertAll(vector, v => v / norm) : vector;
    }

    /// <summary>Every value in the ball of L∞ radius ε around the centre, and in [0, 1].</summary>
    public static void Project(float[] vector, float[] centre, double epsilon)
    {
        for (var i = 0; i < vector.Length; i++)
        {
            vector[i] = Math.Clamp(Math.Clamp(vector[i], centre[i] - (float)epsilon, centre[i] + (float)epsilon), 0f, 1f);
        }
    }
}
