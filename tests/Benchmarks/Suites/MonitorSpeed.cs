using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.AllInOne.Backtest;
using Monitoring.Detection;
using Monitoring.Drift;
using Monitoring.Outlier;
using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Benchmarks;

/// <summary>
/// Suite <c>monitors</c>: the cases of golden/README.md (docs/performance.md has the table), same sizes and parameters. Whole
/// calls, fitting excluded: median of five after warm-up, the better of one and two threads; with the processor time, which a busy machine disturbs less.
/// </summary>
internal static class MonitorSpeed
{
    private const int Repeats = 5;
    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(0.7);

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var filter = arguments["case", ""];
        await using var provider = BacktestVerb.BuildServices([new DriftModule(), new OutlierModule()], arguments["device", "cpu"]);
        var sessions = provider.GetRequiredService<MmdSessions>();
        var kernels = provider.GetRequiredService<ScoringKernels>();
        var results = new List<Measurement>();
        var kinds = new MonitorKinds(provider.GetServices<IMonitorKind>());
        foreach (var (name, rows, threads, run) in Cases(sessions, kernels).Concat(KindCases(kinds)))
        {
            if (name.StartsWith(filter, StringComparison.Ordinal))
            {
                var best = threads.Select(t => Median(name, t, () => run(t))).MinBy(m => m.Seconds)!;
                results.Add(best with { RowsPerSecond = rows / best.Seconds });
                await Console.Error.WriteLineAsync($"{name}: {best.Seconds * 1000:F3} ms, processor {best.ProcessorSeconds * 1000:F3} ms").ConfigureAwait(false);
            }
        }

        return results;
    }

    private static IEnumerable<(string Case, int Rows, int[] Threads, Action<int> Run)> Cases(MmdSessions sessions, ScoringKernels kernels)
    {
        int[] both = [1, 2], one = [1], pool = [2];
        var reference = Gaussian(10_000, 30, 1);
        var window = Gaussian(1_000, 30, 2);
        var columns = Enumerable.Range(0, 30).Select(c => new SortedReference(Column(reference, 30, c))).ToArray();
        var values = Enumerable.Range(0, 30).Select(c => Column(window, 30, c)).ToArray();
        var p = new double[30];
        yield return ("ks-1000x30", 1_000, both, t => Split(30, t, (from, to) =>
        {
            for (var c = from; c < to; c++)
            {
                p[c] = KolmogorovSmirnov.Test(columns[c], values[c]).PValue;
            }
        }));
        yield return ("cvm-1000x30", 1_000, both, t => Split(30, t, (from, to) =>
        {
            for (var c = from; c < to; c++)
            {
                p[c] = CramerVonMises.Test(columns[c], values[c]).PValue;
            }
        }));

        var small = Gaussian(2_000, 30, 3);
        var five = Gaussian(500, 30, 4);
        var sigma = GaussianKernel.MedianHeuristic(small, 30);
        var mmd = new MmdPermutationTest(sessions, Single(small), 30, sigma);
        var fiveSingle = Single(five);
        yield return ("mmd-500x30", 500, pool, _ => mmd.Test(fiveSingle, 100, 1));
        var digits = Images(1_000, 5);
        var otherDigits = Images(1_000, 6);
        var wide = new MmdPermutationTest(sessions, Single(digits), 784, GaussianKernel.MedianHeuristic(digits.AsSpan(0, 300 * 784), 784));
        var wideWindow = Single(otherDigits);
        yield return ("mmd-1000x784", 1_000, pool, _ => wide.Test(wideWindow, 100, 1));

        int[] order = [.. Enumerable.Range(0, 2_000)];
        new Random(7).Shuffle(order);
        var lsdd = new LeastSquaresDensityDifference(small, 30, order.AsSpan(0, 100), order.AsSpan(100));
        var shuffle = new Random(8);
        int[][] permutations = [.. Enumerable.Range(0, 100).Select(_ =>
        {
            int[] permutation = [.. Enumerable.Range(0, 2_400)];
            shuffle.Shuffle(permutation);
            return permutation;
        })];
        yield return ("lsdd-500x30", 500, one, _ => lsdd.Test(five, permutations));

        var initial = Gaussian(50, 30, 9);
        var online = new OnlineMaximumMeanDiscrepancy(small.AsSpan(0, (2_000 - 99) * 30), initial, 30, sigma);
        yield return ("mmd-online-500x30", 500, one, _ =>
        {
            for (var i = 0; i < 500; i++)
            {
                online.Update(five.AsSpan(i * 30, 30));
            }
        }
        );

        var test = Gaussian(10_000, 30, 10);
        var scores = new double[10_000];
        yield return ("mahalanobis-10000x30", 10_000, one, _ => new OnlineMahalanobis(30).Score(test, scores));
        foreach (var (name, scorer) in new (string, IRowScorer)[]
        {
            ("ecod", new Ecod(small, 30)),
            ("copod", new Copod(small, 30)),
            ("hbos", new HistogramScorer(small, 30)),
            ("isolation-forest", IsolationForest.Train(small, 30, 1)),
            ("knn", new NeighbourScorer(small, 30)),
            ("knn-graph", new NeighbourScorer(small, 30, search: (rows, columns) => new GraphNeighbours(kernels, rows, columns))),
            ("lof", new LocalOutlierFactor(small, 30)),
        })
        {
            yield return ($"{name}-10000x30", 10_000, both, t => Split(10_000, t, (from, to) =>
                scorer.Score(test.AsSpan(from * 30, (to - from) * 30), scores.AsSpan(from, to - from))));
        }

        // The same search among many columns, where distances weigh more than top-k.
        foreach (var (name, scorer) in new (string, IRowScorer)[]
        {
            ("knn", new NeighbourScorer(digits, 784)),
            ("knn-graph", new NeighbourScorer(digits, 784, search: (rows, columns) => new GraphNeighbours(kernels, rows, columns))),
        })
        {
            yield return ($"{name}-1000x784", 1_000, both, t => Split(1_000, t, (from, to) =>
                scorer.Score(otherDigits.AsSpan(from * 784, (to - from) * 784), scores.AsSpan(from, to - from))));
        }

        var stream = Gaussian(100_000, 1, 11);
        bool[] errors = [.. stream.Select(x => x > 0.5)];
        double[] binary = [.. errors.Select(e => e ? 1.0 : 0.0)];
        yield return ("adwin-100000", 100_000, one, _ => Feed(new Adwin().Update, stream));
        yield return ("page-hinkley-100000", 100_000, one, _ => Feed(new PageHinkley().Update, stream));
        yield return ("ddm-100000", 100_000, one, _ => Feed(new Ddm().Update, binary));
        yield return ("hddm-a-100000", 100_000, one, _ => Feed(new HddmA().Update, binary));

        var random = new Random(12);
        double[] probabilities = [.. Enumerable.Range(0, 50_000).Select(_ => random.NextDouble())];
        bool[] predicted = [.. probabilities.Select(x => x >= 0.5)];
        double[] labels = [.. probabilities.Select(x => random.NextDouble() < (x * x) ? 1.0 : 0.0)];
        var calibration = IsotonicCalibration.Fit(probabilities.AsSpan(0, 10_000), labels.AsSpan(0, 10_000));
        yield return ("cbpe-50000", 50_000, one, _ => ConfidenceBasedEstimate.Of(probabilities, predicted, calibration));
    }

    // Kinds that no reference library's timing stands beside: rows through the monitor as the runtime feeds it, tests of full windows included.
    private static IEnumerable<(string Case, int Rows, int[] Threads, Action<int> Run)> KindCases(MonitorKinds kinds)
    {
        var narrow = new ModelDescription { Name = "rows", Version = "1", Schema = ModelSchema.Numeric(30) };
        var images = new ModelDescription { Name = "digits", Version = "1", Schema = ModelSchema.ForImage("image", new ImageLayout(28, 28)) };
        RowBatch reference = Batch(narrow, Gaussian(2_000, 30, 21)), rows = Batch(narrow, Gaussian(1_000, 30, 22));
        RowBatch clean = Batch(images, Images(1_000, 23)), shown = Batch(images, Images(1_000, 24));
        string[] none = [];
        foreach (var (kind, options, from, fed, size) in new[]
        {
            ("classifier", none, reference, rows, "1000x30"),
            ("evidence", none, reference, rows, "1000x30"),
            ("outlier", none, reference, rows, "1000x30"),
            ("outlier", none, clean, shown, "1000x784"),
            ("autoencoder", new[] { "file", DemoDigits.Open().Path("digits-autoencoder.onnx") }, clean, shown, "1000x784"),
        })
        {
            var values = MonitorOptions.Create(kinds[kind], options.Length == 0 ? null : new Dictionary<string, string>(StringComparer.Ordinal) { [options[0]] = options[1] });
            var fitted = kinds[kind].FitAsync(new FitContext(from.Model, ReferenceData.Split(from), values, 1), CancellationToken.None).AsTask().GetAwaiter().GetResult();
            var monitor = kinds[kind].Create(new MonitorContext(kind, from.Model, values, fitted.Bytes, 1));
            var sink = new BacktestSink(monitor.Variables, [.. monitor.Variables.Select(_ => new List<double>())], double.MaxValue);
            yield return ($"{kind}-{size}", fed.Count, [1], _ =>
            {
                var scores = monitor.ScoreAsync(fed, CancellationToken.None).AsTask().GetAwaiter().GetResult();
                for (var row = 0; row < fed.Count; row++)
                {
                    sink.Begin(row);
                    monitor.Apply(fed, row, scores, sink);
                }
            }
            );
        }
    }

    private static RowBatch Batch(ModelDescription model, double[] values) => ReferenceData.FromMatrix(model, Single(values), values.Length / model.Width);

    private static void Feed(Func<double, bool> update, double[] stream)
    {
        foreach (var value in stream)
        {
            update(value);
        }
    }

    private static Measurement Median(string name, int threads, Action run)
    {
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 3 || clock.Elapsed < s_warmUp; i++)
        {
            run();
        }

        var times = new double[Repeats];
        using var process = Process.GetCurrentProcess();
        var processor = process.TotalProcessorTime;
        for (var i = 0; i < Repeats; i++)
        {
            clock.Restart();
            run();
            times[i] = clock.Elapsed.TotalSeconds;
        }

        process.Refresh();
        processor = process.TotalProcessorTime - processor;
        Array.Sort(times);
        return new Measurement(name, times[Repeats / 2], 0, threads, processor.TotalSeconds / Repeats);
    }

    private static void Split(int count, int threads, Action<int, int> run)
    {
        if (threads == 1)
        {
            run(0, count);
            return;
        }

        Parallel.For(0, threads, t => run(count * t / threads, count * (t + 1) / threads));
    }

    private static double[] Gaussian(int rows, int columns, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows * columns).Select(_ => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))];
    }

    // As sparse as digits: a fifth of the pixels are ink.
    private static double[] Images(int rows, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows * 784).Select(_ => random.NextDouble() < 0.2 ? random.NextDouble() : 0)];
    }

    private static double[] Column(double[] rows, int columns, int column) => [.. rows.Where((_, i) => i % columns == column)];

    private static float[] Single(double[] values) => Array.ConvertAll(values, v => (float)v);

    private sealed record Measurement(string Case, double Seconds, double RowsPerSecond, int Threads, double ProcessorSeconds);
}
