using System.Globalization;
using Monitoring.Adversarial;
using Monitoring.AllInOne.Drills;
using Monitoring.Detection;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// Suite <c>similarity</c>: digits per second of processor time through <c>query-similarity</c>, fingerprints and index apart, with a full index. Every query is a deformed digit, none an exact repeat.
/// Options: <c>--queries</c> (timed ones, default 200,000), <c>--remember</c> (default 20,000).
/// </summary>
internal static class SimilaritySuite
{
    private const int Batch = 512;

    public static Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var queries = int.Parse(arguments["queries", "200000"], CultureInfo.InvariantCulture);
        var options = new QuerySimilarityOptions { Remember = int.Parse(arguments["remember", "20000"], CultureInfo.InvariantCulture) };
        var demo = DemoDigits.Open();
        var (values, rows, width) = NumpyFile.Read(demo.Path("digits-population.X.npy"));
        var inputs = Enumerable.Range(0, rows).Select(r => values.AsSpan(r * width, width).ToArray()).ToArray();
        var model = new ModelDescription { Name = "digits", Version = "1", Schema = ModelSchema.ForImage("image", new ImageLayout(28, 28)) };
        var key = FingerprintKey.FromSeed(7);
        var reference = ReferenceData.FromMatrix(model, [.. inputs[..3_000].SelectMany(i => i)], 3_000);
        var parameters = QuerySimilarityFit.Fit(new FitContext(model, ReferenceData.Split(reference), options, 7), options, key);
        var monitor = new QuerySimilarityMonitor(model, options, parameters, key);
        var random = new Random(1);
        var sink = new Silent();
        TimeSpan fingerprints = default, index = default;
        for (var done = -2 * options.Remember; done < queries; done += Batch)
        {
            var batch = ReferenceData.FromMatrix(model, [.. Enumerable.Range(0, Batch).SelectMany(_ => CleanClients.Deform(inputs[3_000 + random.Next(3_000)], 28, random))], Batch);
            var start = Environment.CpuUsage.TotalTime;
            var scores = monitor.Score(batch);
            var middle = Environment.CpuUsage.TotalTime;
            for (var row = 0; row < Batch; row++)
            {
                monitor.Apply(batch, row, scores, sink);
            }

            var end = Environment.CpuUsage.TotalTime;
            if (done >= 0)
            {
                fingerprints += middle - start;
                index += end - middle;
            }
        }

        var counted = (queries + Batch - 1) / Batch * Batch;
        return Task.FromResult<object>(new
        {
            counted,
            options.Remember,
            fingerprintMicroseconds = fingerprints.TotalMicroseconds / counted,
            indexMicroseconds = index.TotalMicroseconds / counted,
            digitsPerSecondOfProcessorTime = counted / (fingerprints + index).TotalSeconds,
            bytesPerRememberedQuery = (double)monitor.Index.AllocatedBytes / monitor.Index.Capacity,
            monitor.Index.Links,
            monitor.Index.Remembered,
        });
    }

    private sealed class Silent : IObservationSink
    {
        public void Observe(int variable, double value, string subject = "")
        {
        }

        public void Bet(int variable, double logIncrement, string subject = "")
        {
        }

        public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "")
        {
        }

        public void Report(CertainFinding finding)
        {
        }
    }
}
