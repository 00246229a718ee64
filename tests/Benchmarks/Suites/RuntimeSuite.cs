using System.Diagnostics;
using Monitoring.Statistics;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// Draws per second of the evidence on one core (DESIGN 14: ≥ 200,000 univariate events/s), with Page's CUSUM of
/// a standardised value in the same run as baseline: what a scalar monitor costs at least.
/// </summary>
internal static class RuntimeSuite
{
    private const int Distinct = 1 << 16;
    private const double Seconds = 2;
    private const double Goal = 200_000;

    public static Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var random = new Random(1);
        var stream = Enumerable.Range(0, Distinct).Select(_ => Budget.Simulation.Gaussian(random)).ToArray();
        var reference = StreamReference.Numeric(Budget.Simulation.Gaussians(random, 5_000));
        var slotted = StreamReference.Numeric(Budget.Simulation.Gaussians(random, 24_000), [.. Enumerable.Range(0, 24_000).Select(i => i % 24)], 24);
        var categories = StreamReference.Categorical([.. stream.Take(5_000).Select(Category)]);
        var cases = new List<object>();

        var level = 0.0;
        var cusum = Measure("baseline: Page's CUSUM on a standardised value", 1, (i, _) => level = Math.Max(0, level + stream[i & (Distinct - 1)] - 0.25));
        Bank("evidence bank, δ = 0.1, 20 bins at most, three λ", reference, new EvidenceOptions(), Identity);
        Bank("evidence bank, 24 slots", slotted, new EvidenceOptions(), Identity);
        Bank("evidence bank, categories", categories, new EvidenceOptions(), Category);
        Bank("evidence bank, δ = 0", reference, new EvidenceOptions { Tolerance = 0 }, Identity);

        // One image event: the 58 default variables, by groups.
        var variables = Enumerable.Range(0, 58).Select(v => new EvidenceVariable($"v{v}", v < 7 ? "a" : v < 56 ? "b" : v == 56 ? "c" : "d", reference)).ToArray();
        var monitor = new GroupedEvidence(variables, 1e6);
        var values = new double[58];
        cases.Add(Measure("monitor of 58 variables in four groups, per variable", 58, (i, t) =>
        {
            for (var v = 0; v < values.Length; v++)
            {
                values[v] = stream[(i + (v * 997)) & (Distinct - 1)];
            }

            monitor.Update(values, (ulong)t, 0, 1, t);
        }));
        var admission = new AdmissionRule(new AdmissionSettings { SessionGapMs = 1_000, AutocorrelationMs = 10_000 });
        cases.Add(Measure("admission rule, 10,000 clients", 1, (i, t) => admission.Offer((ulong)(t * 7919 % 10_000), (ulong)t + 1, t)));
        return Task.FromResult<object>(new
        {
            machine = $"{Environment.ProcessorCount} cores, {System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription}",
            goalDrawsPerSecond = Goal,
            baseline = cusum,
            cases,
            checksum = level,
        });

        static double Identity(double x) => x;

        static double Category(double x) => Math.Floor(2 * x);

        void Bank(string name, StreamReference against, EvidenceOptions options, Func<double, double> map)
        {
            var bank = new EvidenceBank(against, options);
            var mapped = stream.Select(map).ToArray();
            cases.Add(Measure(name, 1, (i, t) => bank.Update(mapped[i & (Distinct - 1)], (ulong)t, against.Slots == 1 ? 0 : (int)(t % against.Slots), 1, t)));
        }
    }

    private static object Measure(string name, int perCall, Action<int, long> draw)
    {
        for (var t = 0; t < 200_000 / perCall; t++)
        {
            draw(t, t);
        }

        var calls = 0L;
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var start = Process.GetCurrentProcess().TotalProcessorTime;
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed.TotalSeconds < Seconds)
        {
            for (var i = 0; i < 1_000; i++)
            {
                draw((int)calls, calls);
                calls++;
            }
        }

        var wall = watch.Elapsed.TotalSeconds;

        // Processor time, so that a busy machine does not count against the code.
        var processor = (Process.GetCurrentProcess().TotalProcessorTime - start).TotalSeconds;
        var perSecond = Math.Round(calls * perCall / processor);
        return new
        {
            @case = name,
            drawsPerSecond = perSecond,
            drawsPerSecondWall = Math.Round(calls * perCall / wall),
            bytesPerDraw = Math.Round((GC.GetAllocatedBytesForCurrentThread() - allocated) / (double)(calls * perCall), 3),
            ok = perSecond >= Goal,
        };
    }
}
