using System.Buffers;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Benchmarks.Suites;

/// <summary>The ONNX monitor of the suite <c>scale</c>: a graph scores every row; the parameters are the profile's.</summary>
internal sealed class GraphKind(GraphSessions sessions) : MonitorKind<GraphKind.NoOptions>
{
    public const string KindName = "graph";

    public override string Name => KindName;

    public override string Description => "A graph's score.";

    public override Family Family => Family.Outlier;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, NoOptions options, CancellationToken cancellationToken)
    {
        var rows = context.Reference.Fit;
        var mean = new double[rows.Width];
        var weights = new double[rows.Width];
        for (var c = 0; c < mean.Length; c++)
        {
            var values = Enumerable.Range(0, rows.Count).Select(r => (double)rows.Input(r)[c]).ToArray();
            mean[c] = values.Average();
            weights[c] = 1 / values.Average(v => (v - mean[c]) * (v - mean[c]));
        }

        var output = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(output);
        writer.WriteDoubles(mean);
        writer.WriteDoubles(weights);
        return ValueTask.FromResult(new FittedParameters(output.WrittenMemory.ToArray()));
    }

    protected override IMonitor Create(MonitorContext context, NoOptions options)
    {
        var reader = new CanonicalReader(context.Parameters.Span);
        return new Monitor(sessions.Session, [.. reader.ReadDoubles().Select(v => (float)v)], [.. reader.ReadDoubles().Select(v => (float)v)]);
    }

    internal sealed record NoOptions;

    private sealed class Monitor(ScoringModel graph, float[] mean, float[] weights) : RowScoringMonitor([new Variable("score")])
    {
        private readonly ScoringTensor _mean = ScoringTensor.Create("mean", mean, 1, mean.Length);
        private readonly ScoringTensor _weights = ScoringTensor.Create("weights", weights, weights.Length, 1);

        protected override ValueTask ScoreAsync(RowBatch rows, Memory<float> scores, CancellationToken cancellationToken)
        {
            var result = graph.Run([ScoringTensor.Create("x", rows.Inputs, rows.Count, rows.Width), _mean, _weights], null, cancellationToken);
            result[0].AsSpan<float>().CopyTo(scores.Span);
            return ValueTask.CompletedTask;
        }
    }
}
