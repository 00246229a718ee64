using Monitoring.Scoring;

namespace Monitoring.Benchmarks.Suites;

/// <summary>One session per graph: (x [n,d] − mean [1,d])² · weights [d,1], parameters as inputs, so that all models share it.</summary>
internal sealed class GraphSessions(ScoringRuntime runtime) : IDisposable
{
    private readonly Lazy<ScoringModel> _session = new(() => runtime.LoadBytes("weighted-squares", Build()));

    public ScoringModel Session => _session.Value;

    public void Dispose()
    {
        if (_session.IsValueCreated)
        {
            _session.Value.Dispose();
        }
    }

    private static byte[] Build()
    {
        var graph = new OnnxGraphBuilder("weighted_squares");
        var difference = graph.Sub(graph.Input("x", TensorType.Float32, "n", "d"), graph.Input("mean", TensorType.Float32, 1, "d"));
        graph.Output("score", graph.MatMul(graph.Mul(difference, difference), graph.Input("weights", TensorType.Float32, "d", 1)), TensorType.Float32, "n", 1);
        return graph.Build();
    }
}
