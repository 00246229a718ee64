using System.Diagnostics;
using System.Globalization;
using Monitoring.Detection;
using Monitoring.Explainer;
using Monitoring.Hosting.Tables;
using Monitoring.Scoring;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// <c>explain [--images N] [--repository .]</c>: KernelSHAP of digits (64 superpixels, 10 classes, 2,176 samples; the reference does 19.7
/// images/s on a softmax model) on a softmax model of that size and on the digits CNN, and the engine's rows per second against the
/// same session on ready batches; and the processor time of a row in both, of the whole process, which a neighbour's load changes less.
/// </summary>
internal static class ExplainSuite
{
    private const double ReferenceImagesPerSecond = 19.7;

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var images = int.Parse(arguments["images", "100"], CultureInfo.InvariantCulture);
        var demo = Path.Combine(arguments["repository", "."], "infra", "demo");
        var data = NpyFile.Read(Path.Combine(demo, "digits-population.X.npy"));
        var rows = Enumerable.Range(0, images).Select(i => data.Row(i).ToArray().Select(v => v / 255).ToArray()).ToArray();
        using var runtime = new ScoringRuntime(new ScoringOptions { Device = "cpu" });
        using var softmax = runtime.LoadBytes("softmax", Softmax());
        using var digits = runtime.LoadFile("digits", Path.Combine(demo, "digits.onnx"));
        var linear = await ExplainAsync(new ScoringRowModel(softmax, 784), rows);
        var cnn = await ExplainAsync(new ScoringRowModel(digits, 784, "probabilities"), [.. rows.Take(Math.Max(5, images / 5))]);
        return new
        {
            images,
            softmax = new { imagesPerSecond = linear.Images, timesReference = linear.Images / ReferenceImagesPerSecond, engineRowsPerSecond = linear.Engine, rawRowsPerSecond = linear.Raw, ratio = linear.Engine / linear.Raw, engineCpuMicrosecondsPerRow = linear.EngineCpu, rawCpuMicrosecondsPerRow = linear.RawCpu },
            digitsCnn = new { imagesPerSecond = cnn.Images, engineRowsPerSecond = cnn.Engine, rawRowsPerSecond = cnn.Raw, ratio = cnn.Engine / cnn.Raw, engineCpuMicrosecondsPerRow = cnn.EngineCpu, rawCpuMicrosecondsPerRow = cnn.RawCpu },
        };
    }

    private static async Task<(double Images, double Engine, double Raw, double EngineCpu, double RawCpu)> ExplainAsync(IRowModel model, float[][] rows)
    {
        const int batchRows = 256;
        var groups = FeatureGroups.Grid(new ImageLayout(28, 28, ChannelsFirst: true), 8);
        var engine = new PerturbationEngine(model, batchRows);
        var design = CoalitionDesign.Create(64, CoalitionDesign.DefaultSamples(64), seed: 0);
        var shap = new KernelShap(engine, groups, new Background(new float[784], 1), design);
        var options = new PerturbationRequest(0, (_, _, _) => { });
        await shap.ExplainAsync(rows[0], options, CancellationToken.None);

        // Engine and raw session in turns, so that a neighbour's load hits both.
        double explained = 0, engineSeconds = 0, rawSeconds = 0;
        TimeSpan engineCpu = default, rawCpu = default;
        long engineRows = 0, rawRows = 0;
        var batch = new float[batchRows * 784];
        for (var i = 0; i < batchRows; i++)
        {
            rows[i % rows.Length].CopyTo(batch.AsSpan(i * 784));
        }

        var outputs = new double[batchRows * model.Outputs];
        foreach (var row in rows)
        {
            var (start, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            var result = await shap.ExplainAsync(row, options, CancellationToken.None);
            engineSeconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
            engineCpu += Environment.CpuUsage.TotalTime - cpu;
            engineRows += result.Rows;
            explained++;

            (start, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            for (var done = 0; done < result.Rows; done += batchRows)
            {
                model.Score(batch, batchRows, outputs, CancellationToken.None);
                rawRows += batchRows;
            }

            rawSeconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
            rawCpu += Environment.CpuUsage.TotalTime - cpu;
        }

        return (explained / engineSeconds, engineRows / engineSeconds, rawRows / rawSeconds, engineCpu.TotalMicroseconds / engineRows, rawCpu.TotalMicroseconds / rawRows);
    }

    private static byte[] Softmax()
    {
        var random = new Random(0);
        var graph = new OnnxGraphBuilder("softmax");
        var x = graph.Input("x", TensorType.Float32, "rows", 784L);
        var w = graph.Constant<float>([.. Enumerable.Range(0, 7840).Select(_ => (random.NextSingle() - 0.5f) / 10)], 784, 10);
        var b = graph.Constant<float>(new float[10], 10);
        graph.Output("probabilities", graph.Softmax(graph.Gemm(x, w, b)), TensorType.Float32, "rows", 10L);
        return graph.Build();
    }
}
