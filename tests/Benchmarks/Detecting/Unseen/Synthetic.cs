using System.Numerics.Tensors;
using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>Images that are nobody's digits.</summary>
internal static class Synthetic
{
    private const int Side = 28;

    /// <summary>Dead leaves (Lee, Mumford and Huang, IJCV 2001): discs of random size, place and grey over one another; the statistics of natural photographs.</summary>
    public static float[] DeadLeaves(Random random)
    {
        var image = new float[Side * Side];
        for (var leaf = 0; leaf < 60; leaf++)
        {
            // Radii with density r⁻³ from 1.5 to 14 pixels.
            var u = random.NextDouble();
            var radius = 1 / Math.Sqrt((u / (14.0 * 14)) + ((1 - u) / (1.5 * 1.5)));
            var (x, y, grey) = (random.NextDouble() * Side, random.NextDouble() * Side, random.NextSingle());
            for (var i = 0; i < image.Length; i++)
            {
                var (dx, dy) = ((i % Side) - x, (i / Side) - y);
                if ((dx * dx) + (dy * dy) <= radius * radius)
                {
                    image[i] = grey;
                }
            }
        }

        return image;
    }

    /// <summary>A smooth field: what an untrained generator of a data-free thief makes (DFME, Truong et al., CVPR 2021; MAZE, Kariyappa et al., CVPR 2021).</summary>
    public static float[] SmoothField(Random random)
    {
        const int frequencies = 7;
        var image = new float[Side * Side];
        for (var w = 0; w < frequencies * frequencies; w++)
        {
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            TensorPrimitives.MultiplyAdd(Vectors.Cosine(w / frequencies, w % frequencies, Side), (float)(12 * normal / (1 + (w / frequencies) + (w % frequencies))), image, image);
        }

        return Array.ConvertAll(image, v => 1 / (1 + MathF.Exp(-v)));
    }

    /// <summary>Patches of 7×7 pixels, each from one of the seeds at its place.</summary>
    public static float[] Patches(IReadOnlyList<float[]> seeds, Random random)
    {
        var picks = Enumerable.Range(0, 16).Select(_ => seeds[random.Next(seeds.Count)]).ToArray();
        return [.. Enumerable.Range(0, Side * Side).Select(i => picks[(i / Side / 7 * 4) + (i % Side / 7)][i])];
    }
}
