using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>What happens to an image on its way: rounding to bytes, compression of random quality.</summary>
internal static class Masks
{
    private const int Block = 7;

    public static float[] Bytes(float[] image, Random random) => Array.ConvertAll(image, v => MathF.Round(v * 255) / 255);

    /// <summary>As JPEG does: cosines of blocks (7×7, which divides 28) rounded to steps that grow with the frequency, of a quality drawn for every query.</summary>
    public static float[] Compressed(float[] image, Random random)
    {
        var side = (int)Math.Round(Math.Sqrt(image.Length));
        var coarse = 0.02 + (0.06 * random.NextDouble());
        var result = new float[image.Length];
        float[][] waves = [.. Enumerable.Range(0, Block * Block).Select(w => Vectors.Cosine(w / Block, w % Block, Block))];
        for (var corner = 0; corner < image.Length; corner += corner % side == side - Block ? Block + ((Block - 1) * side) : Block)
        {
            for (var w = 0; w < waves.Length; w++)
            {
                double share = 0;
                for (var i = 0; i < Block * Block; i++)
                {
                    share += waves[w][i] * image[corner + (i / Block * side) + (i % Block)];
                }

                var step = coarse * (1 + (w / Block) + (w % Block));
                share = Math.Round(share / step) * step;
                for (var i = 0; i < Block * Block; i++)
                {
                    result[corner + (i / Block * side) + (i % Block)] += (float)(share * waves[w][i]);
                }
            }
        }

        return Array.ConvertAll(result, v => MathF.Round(Math.Clamp(v, 0, 1) * 255) / 255);
    }
}
