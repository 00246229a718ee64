using Monitoring.Statistics;

namespace Monitoring.Benchmarks.Budget;

/// <summary>Streams, counts and intervals of the simulations. Everything is seeded.</summary>
internal static class Simulation
{
    /// <summary>Draws per day of the installation of RUNTIME 2.</summary>
    public const double PerDay = 20_000;

    /// <summary>Level of "1 per 30d" at 20,000 draws a day, in draws.</summary>
    public const double MonthLevel = 30 * PerDay;

    /// <summary>Δ = 0: equality is tested.</summary>
    public static readonly EvidenceOptions Equality = new() { Tolerance = 0 };

    /// <summary>δ = 0.1, the default.</summary>
    public static readonly EvidenceOptions Default = new();

    public static double Gaussian(Random random)
    {
        var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
        return radius * Math.Cos(2 * Math.PI * random.NextDouble());
    }

    public static double[] Gaussians(Random random, int count)
    {
        var values = new double[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = Gaussian(random);
        }

        return values;
    }

    public static int Scaled(double full, double scale, int least = 1) => Math.Max(least, (int)Math.Round(full * scale));

    /// <summary>Crossings of the level, SR restarted at each: what the guarantee bounds. The latch can only make them fewer.</summary>
    public static int Crossings(EvidenceBank bank, double level, int draws, Func<int, double> value, Func<int, int>? slot = null, double elapsed = 1, int seed = 0)
    {
        var crossings = 0;
        for (var t = 0; t < draws; t++)
        {
            bank.Update(value(t), ((ulong)seed << 40) + (ulong)t, slot?.Invoke(t) ?? 0, elapsed, t);
            if (bank.Value >= level)
            {
                crossings++;
                bank.Restart();
            }
        }

        return crossings;
    }

    /// <summary>Draws from the change to the first crossing; null when it is not found within <paramref name="most"/>, −1 when the level was crossed before.</summary>
    public static int? Delay(EvidenceBank bank, double level, int calm, int most, Func<int, double> value, Func<int, int>? slot = null)
    {
        for (var t = 0; t < calm + most; t++)
        {
            bank.Update(value(t), (ulong)t, slot?.Invoke(t) ?? 0, 1, t);
            if (bank.Value >= level)
            {
                return t < calm ? -1 : t - calm + 1;
            }
        }

        return null;
    }

    /// <summary>Smallest c with P(Poisson(mean) &gt; c) &lt; 1 %: counts up to c are within the margin of the allowed mean.</summary>
    public static int Margin(double mean)
    {
        var term = Math.Exp(-mean);
        if (term == 0)
        {
            return (int)Math.Ceiling(mean + (2.33 * Math.Sqrt(mean)) + 1);
        }

        var sum = term;
        var count = 0;
        while (sum < 0.99)
        {
            count++;
            term *= mean / count;
            sum += term;
        }

        return count;
    }

    /// <summary>Exact 95 % interval of a Poisson mean from one count (Garwood 1936), by bisection.</summary>
    public static double[] PoissonInterval(long count)
    {
        static double Below(double mean, long count)
        {
            var term = -mean;
            var sum = 0.0;
            for (long k = 0; k <= count; k++)
            {
                sum += Math.Exp(term);
                term += Math.Log(mean) - Math.Log(k + 1);
            }

            return sum;
        }

        static double Solve(Func<double, bool> tooLow)
        {
            double low = 1e-9, high = 1e7;
            for (var i = 0; i < 200; i++)
            {
                var middle = 0.5 * (low + high);
                (low, high) = tooLow(middle) ? (middle, high) : (low, middle);
            }

            return Math.Round(low, 3);
        }

        var lower = count == 0 ? 0 : Solve(m => 1 - Below(m, count - 1) < 0.025);
        return [lower, Solve(m => Below(m, count) > 0.025)];
    }

    /// <summary>Median of delays, misses counted as infinite, with the order-statistic interval of about 95 %.</summary>
    public static (double Median, double[] Interval) Median(IEnumerable<int?> delays)
    {
        var sorted = delays.Select(d => d ?? double.PositiveInfinity).Order().ToArray();
        if (sorted.Length == 0)
        {
            return (double.PositiveInfinity, [double.PositiveInfinity, double.PositiveInfinity]);
        }

        var half = 0.98 * Math.Sqrt(sorted.Length);
        var low = Math.Max(0, (int)Math.Floor((sorted.Length / 2.0) - half));
        var high = Math.Min(sorted.Length - 1, (int)Math.Ceiling((sorted.Length / 2.0) + half) - 1);
        return (sorted[sorted.Length / 2], [sorted[low], sorted[Math.Max(low, high)]]);
    }

    /// <summary>A line that counts alarms against what is allowed on average.</summary>
    public static BudgetLine Alarms(string id, string name, double allowed, long observed, string detail) =>
        new(id, name, Math.Round(allowed, 3), observed, PoissonInterval(observed), "alarms", observed <= Margin(allowed), detail);

    /// <summary>A line that bounds a median delay. Runs that alarmed before the change are left out and said.</summary>
    public static BudgetLine DelayLine(string id, string name, double allowed, IReadOnlyList<int?> delays)
    {
        var counted = delays.Where(d => d != -1).ToList();
        var (median, interval) = Median(counted);
        var sorted = counted.Select(d => d ?? double.PositiveInfinity).Order().ToArray();
        var p90 = sorted.Length == 0 ? double.NaN : sorted[Math.Min(sorted.Length - 1, (int)(0.9 * sorted.Length))];
        return new BudgetLine(id, name, allowed, median, interval, "draws, median", median <= allowed,
            $"{counted.Count} runs; 90 % within {p90:F0}; never found {counted.Count(d => d is null)}; {delays.Count - counted.Count} runs alarmed before the change and are left out");
    }
}
