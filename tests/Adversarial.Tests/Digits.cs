using System.IO.Compression;
using Monitoring.Detection;

namespace Monitoring.Adversarial.Tests;

/// <summary>The demo's real digits and recorded attacks.</summary>
internal static class Digits
{
    public const int Width = 784;

    public static ModelDescription Model { get; } = new()
    {
        Name = "digits",
        Version = "1",
        Schema = ModelSchema.ForImage("image", new ImageLayout(28, 28)),
    };

    /// <summary>6,000 digits unseen in training, in [0, 1].</summary>
    public static float[][] Population() => s_population.Value;

    private static readonly Lazy<float[][]> s_population = new(() =>
    {
        var bytes = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Demo", "digits-population.X.npy"));
        var start = bytes.Length - (6_000 * Width);
        return [.. Enumerable.Range(0, 6_000).Select(row =>
            Array.ConvertAll(bytes.AsSpan(start + (row * Width), Width).ToArray(), b => b / 255f))];
    });

    /// <summary>Recorded attacks: name and queries in order.</summary>
    public static IReadOnlyList<(string Attack, float[][] Queries)> Traces(string file = "evasion")
    {
        using var zip = new GZipStream(File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Traces", file + ".bin.gz")), CompressionMode.Decompress);
        using var memory = new MemoryStream();
        zip.CopyTo(memory);
        memory.Position = 0;
        using var reader = new BinaryReader(memory);
        var traces = new List<(string, float[][])>();
        while (memory.Position < memory.Length)
        {
            var name = reader.ReadString();
            var queries = new float[reader.ReadInt32()][];
            for (var q = 0; q < queries.Length; q++)
            {
                queries[q] = new float[Width];
                for (var i = 0; i < Width; i++)
                {
                    queries[q][i] = (float)reader.ReadHalf();
                }
            }

            traces.Add((name, queries));
        }

        return traces;
    }

    public static RowBatch Rows(IReadOnlyList<float[]> inputs, IReadOnlyList<string>? clients = null, ModelDescription? model = null) =>
        ReferenceData.FromMatrix(model ?? Model, [.. inputs.SelectMany(i => i)], inputs.Count, null, clients);

    /// <summary>A copy turned, scaled and moved a little, as augmentation and jitter of a scanner do: bilinear, seeded.</summary>
    public static float[] Deform(float[] image, Random random)
    {
        var angle = (random.NextDouble() - 0.5) * 20 * Math.PI / 180;
        var scale = 1 + ((random.NextDouble() - 0.5) * 0.2);
        var (dx, dy) = ((random.NextDouble() - 0.5) * 3, (random.NextDouble() - 0.5) * 3);
        var (cos, sin) = (Math.Cos(angle) / scale, Math.Sin(angle) / scale);
        var result = new float[Width];
        for (var y = 0; y < 28; y++)
        {
            for (var x = 0; x < 28; x++)
            {
                var u = (cos * (x - 13.5)) - (sin * (y - 13.5)) + 13.5 + dx;
                var v = (sin * (x - 13.5)) + (cos * (y - 13.5)) + 13.5 + dy;
                var (left, top) = ((int)Math.Floor(u), (int)Math.Floor(v));
                var (fx, fy) = (u - left, v - top);
                result[(y * 28) + x] = (float)(
                    (At(left, top) * (1 - fx) * (1 - fy)) + (At(left + 1, top) * fx * (1 - fy)) +
                    (At(left, top + 1) * (1 - fx) * fy) + (At(left + 1, top + 1) * fx * fy));
            }
        }

        return result;

        float At(int x, int y) => x is >= 0 and < 28 && y is >= 0 and < 28 ? image[(y * 28) + x] : 0;
    }

    /// <summary>A near copy as test-time augmentation makes it: a little noise and brightness.</summary>
    public static float[] Augment(float[] image, Random random)
    {
        var brightness = 1 + ((random.NextDouble() - 0.5) * 0.1);
        return Array.ConvertAll(image, v => Math.Clamp((float)((v * brightness) + ((random.NextDouble() - 0.5) * 0.04)), 0f, 1f));
    }
}
