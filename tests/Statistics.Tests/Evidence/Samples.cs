namespace Monitoring.Statistics.Tests;

/// <summary>Seeded samples.</summary>
internal static class Samples
{
    public static double Gaussian(this Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    public static double[] Gaussian(int seed, int count, double shift = 0)
    {
        var random = new Random(seed);
        var values = new double[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = random.Gaussian() + shift;
        }

        return values;
    }
}
