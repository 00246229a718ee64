using System.Diagnostics;
using System.Globalization;
using Monitoring.Scoring;

namespace Monitoring.Benchmarks.Suites;

/// <summary>Kernels of monitors at the sizes of the reference timings: MMD with 100 permutations and 5 nearest neighbours.</summary>
internal static class KernelsSuite
{
    public static Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var repeats = int.Parse(arguments["repeats", "7"], CultureInfo.InvariantCulture);
        using var runtime = new ScoringRuntime(new ScoringOptions { Device = arguments["device", "auto"], Threads = int.Parse(arguments["threads", "0"], CultureInfo.InvariantCulture) });
        using var kernels = new ScoringKernels(runtime);
        var random = new Random(1);
        return Task.FromResult<object>(new
        {
            suite = "kernels",
            device = runtime.Device,
            threads = runtime.Threads,
            mmd500x30Against2000 = Mmd(500, 2000, 30),
            mmd1000x784Against1000 = Mmd(1000, 1000, 784),
            nearest5Of10000x30Against2000 = Nearest(),
        });

        object Nearest()
        {
            var (queries, reference) = (Rows(10_000, 30), Rows(2000, 30));
            return Time(() => kernels.NearestNeighbours(queries, reference, 5));
        }

        object Mmd(int n, int m, int d)
        {
            var pooled = Rows(n + m, d);
            var splits = new float[(n + m) * 101];
            for (var c = 0; c < 101; c++)
            {
                var order = Enumerable.Range(0, n + m).ToArray();
                if (c > 0)
                {
                    random.Shuffle(order);
                }

                foreach (var row in order.AsSpan(0, n))
                {
                    splits[(row * 101) + c] = 1;
                }
            }

            return Time(() => kernels.MaximumMeanDiscrepancy(pooled, new Matrix<float>(splits, n + m, 101), [Math.Sqrt(d)]));
        }

        Matrix<float> Rows(int rows, int columns)
        {
            var values = new float[rows * columns];
            foreach (ref var value in values.AsSpan())
            {
                value = random.NextSingle();
            }

            return new Matrix<float>(values, rows, columns);
        }

        object Time(Action action)
        {
            action();
            var times = new List<double>();
            using var process = Process.GetCurrentProcess();
            var cpu = process.TotalProcessorTime;
            for (var i = 0; i < repeats; i++)
            {
                var start = Stopwatch.GetTimestamp();
                action();
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }

            process.Refresh();
            times.Sort();
            return new { medianMs = times[repeats / 2], bestMs = times[0], cpuMs = (process.TotalProcessorTime - cpu).TotalMilliseconds / repeats };
        }
    }
}
