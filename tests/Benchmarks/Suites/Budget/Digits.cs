using Monitoring.Statistics;

namespace Monitoring.Benchmarks.Budget;

/// <summary>
/// Real digits (infra/demo/digits-population: 6,000 that the model was not trained on) and their default variables: seven
/// statistics, 49 block means, predicted class, entropy of the output.
/// </summary>
internal sealed class Digits(Func<float[], int, float[]> classify)
{
    public const int Side = 28;
    public const int Pixels = Side * Side;
    public const int Statistics = 7;
    public const int Blocks = 49;
    public const int ClassColumn = Statistics + Blocks;
    public const int EntropyColumn = ClassColumn + 1;
    public const int Columns = EntropyColumn + 1;

    private readonly byte[] _images = Npy.ReadBytes(Path.Combine(Npy.Root(), "infra/demo/digits-population.X.npy")).Data;
    private readonly byte[] _labels = Npy.ReadBytes(Path.Combine(Npy.Root(), "infra/demo/digits-population.y.npy")).Data;

    public int Count => _labels.Length;

    /// <summary>True labels, 0 to 9.</summary>
    public ReadOnlySpan<byte> Labels => _labels;

    /// <summary>The population as it is.</summary>
    public double[][] Plain() => Describe(Enumerable.Range(0, Count).Select(Image));

    /// <summary>
    /// Draws of the resampled population (trials-digits.md A: each digit turned by N(0, 2°), moved by U(−½, ½) px, quantised to 1/255, so that a
    /// rotation is not seen merely by its interpolation blur), changed as asked.
    /// </summary>
    public double[][] Resampled(Random random, int count, double degrees = 0, double contrast = 1, double noise = 0, double move = 0, double shareOfThrees = 0, double turnAgain = 0) =>
        Describe(Images(random, count, degrees, contrast, noise, move, shareOfThrees, turnAgain));

    /// <summary>The same as images.</summary>
    public IEnumerable<float[]> Images(Random random, int count, double degrees = 0, double contrast = 1, double noise = 0, double move = 0, double shareOfThrees = 0, double turnAgain = 0) =>
        Enumerable.Range(0, count).Select(_ =>
        {
            var wantsThree = shareOfThrees > 0 && random.NextDouble() < shareOfThrees;
            int index;
            do
            {
                index = random.Next(Count);
            }
            while (shareOfThrees > 0 && (_labels[index] == 3) != wantsThree);
            var image = Turn(Image(index), degrees + (2 * Simulation.Gaussian(random)), random.NextDouble() - 0.5 + move, random.NextDouble() - 0.5);
            for (var p = 0; p < Pixels; p++)
            {
                var value = (image[p] * contrast) + (noise > 0 ? noise * Simulation.Gaussian(random) : 0);
                image[p] = (float)(Math.Round(Math.Clamp(value, 0, 1) * 255) / 255);
            }

            return turnAgain == 0 ? image : Turn(image, turnAgain, 0, 0);
        });

    /// <summary>The monitor's variables from reference draws: four groups of equal weight.</summary>
    public static EvidenceVariable[] Variables(IReadOnlyList<double[]> reference) =>
    [
        .. Enumerable.Range(0, Columns).Select(c =>
        {
            double[] values = [.. reference.Select(r => r[c])];
            return c switch
            {
                < Statistics => new EvidenceVariable(ImageStatistics.Names[c], "statistics", StreamReference.Numeric(values)),
                < ClassColumn => new EvidenceVariable($"block-{c - Statistics}", "blocks", StreamReference.Numeric(values)),
                ClassColumn => new EvidenceVariable("class", "class", StreamReference.Categorical(values)),
                _ => new EvidenceVariable("entropy", "entropy", StreamReference.Numeric(values)),
            };
        }),
    ];

    private double[][] Describe(IEnumerable<float[]> images)
    {
        var rows = new List<double[]>();
        foreach (var batch in images.Chunk(256))
        {
            var flat = new float[batch.Length * Pixels];
            for (var i = 0; i < batch.Length; i++)
            {
                batch[i].CopyTo(flat, i * Pixels);
            }

            var probabilities = classify(flat, batch.Length);
            for (var i = 0; i < batch.Length; i++)
            {
                var row = new double[Columns];
                ImageStatistics.Describe(batch[i], Side, row);
                ImageStatistics.BlockMeans(batch[i], Side, row.AsSpan(Statistics));
                var p = probabilities.AsSpan(i * 10, 10);
                row[ClassColumn] = ImageStatistics.ArgMax(p);
                row[EntropyColumn] = ImageStatistics.Entropy(p);
                rows.Add(row);
            }
        }

        return [.. rows];
    }

    /// <summary>Turned about the centre and moved, bilinear, black outside.</summary>
    private static float[] Turn(float[] source, double degrees, double moveX, double moveY)
    {
        var image = new float[Pixels];
        var (sin, cos) = Math.SinCos(degrees * Math.PI / 180);
        const double Centre = (Side - 1) / 2.0;
        for (var y = 0; y < Side; y++)
        {
            for (var x = 0; x < Side; x++)
            {
                var dx = x - Centre - moveX;
                var dy = y - Centre - moveY;
                var sx = Centre + (cos * dx) + (sin * dy);
                var sy = Centre - (sin * dx) + (cos * dy);
                var left = (int)Math.Floor(sx);
                var top = (int)Math.Floor(sy);
                var fx = sx - left;
                var fy = sy - top;
                image[(y * Side) + x] = (float)((((At(source, left, top) * (1 - fx)) + (At(source, left + 1, top) * fx)) * (1 - fy))
                    + (((At(source, left, top + 1) * (1 - fx)) + (At(source, left + 1, top + 1) * fx)) * fy));
            }
        }

        return image;
    }

    private static float At(float[] image, int x, int y) =>
        (uint)x < Side && (uint)y < Side ? image[(y * Side) + x] : 0;

    private float[] Image(int index)
    {
        var image = new float[Pixels];
        for (var p = 0; p < Pixels; p++)
        {
            image[p] = _images[(index * Pixels) + p] / 255f;
        }

        return image;
    }
}
