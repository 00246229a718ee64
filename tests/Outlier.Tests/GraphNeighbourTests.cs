using Monitoring.Detection;
using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Outlier.Tests;

/// <summary><c>knn</c> by ONNX graphs, the way of a GPU, gives the scores of the way on vector units.</summary>
public sealed class GraphNeighbourTests : IDisposable
{
    private readonly ScoringRuntime _runtime = new(new ScoringOptions { Device = "cpu" });
    private readonly ScoringKernels _kernels;

    public GraphNeighbourTests() => _kernels = new ScoringKernels(_runtime);

    public void Dispose()
    {
        _kernels.Dispose();
        _runtime.Dispose();
    }

    [Theory]
    [InlineData(300, 5, 1, 0)]
    [InlineData(500, 30, 5, 0)]
    [InlineData(200, 784, 3, 0)]
    [InlineData(400, 8, 20, 1e4)]
    [InlineData(7, 3, 6, 0)]
    public void Neighbours_and_distances_are_the_same(int n, int columns, int k, double offset)
    {
        var random = new Random(n);
        double[] Rows(int rows) => [.. Enumerable.Range(0, rows * columns).Select(_ => offset + random.NextDouble())];
        double[] reference = Rows(n), queries = [.. Rows(50), .. reference.AsSpan(0, 3 * columns)];
        INeighbourSearch vectors = new NearestNeighbours(reference, columns), graph = new GraphNeighbours(_kernels, reference, columns);
        foreach (var self in new[] { -1, 0 })
        {
            var rows = self < 0 ? queries : reference;
            var kept = Math.Min(k, n - (self < 0 ? 0 : 1));
            int[] expected = new int[rows.Length / columns * kept], actual = new int[expected.Length];
            double[] expectedDistances = new double[expected.Length], distances = new double[expected.Length];
            vectors.Find(rows, kept, expected, expectedDistances, self);
            graph.Find(rows, kept, actual, distances, self);
            Assert.Equal(expectedDistances, distances);
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void Repeated_rows_do_not_hide_a_row_from_itself()
    {
        double[] reference = [.. Enumerable.Repeat(1.0, 30), .. Enumerable.Repeat(2.0, 3)];
        var graph = new GraphNeighbours(_kernels, reference, 3);
        var distances = new double[11 * 2];
        graph.Find(reference, 2, new int[distances.Length], distances, 0);
        Assert.All(distances.Take(20), d => Assert.Equal(0, d));
        Assert.All(distances.TakeLast(2), d => Assert.Equal(Math.Sqrt(3), d, 1e-12));
    }

    [Theory]
    [InlineData("knn")]
    public async Task The_kind_scores_the_same_either_way(string name)
    {
        var random = new Random(2);
        var model = new ModelDescription { Name = "m", Version = "1", Schema = ModelSchema.Numeric(6) };
        RowBatch Rows(int rows) => ReferenceData.FromMatrix(model, [.. Enumerable.Range(0, rows * 6).Select(i => i % 31 == 0 ? float.NaN : random.NextSingle())], rows);
        RowBatch reference = Rows(400), rows = Rows(100);
        var kind = new KnnKind(new NeighbourSearches(_runtime, _kernels));
        Assert.Equal(name, kind.Name);
        var scores = new List<float[]>();
        var parameters = new List<byte[]>();
        foreach (var search in new[] { "graph", "vectors", "auto" })
        {
            var options = MonitorOptions.Create(kind, new Dictionary<string, string>(StringComparer.Ordinal) { ["search"] = search });
            var fitted = await kind.FitAsync(new FitContext(model, ReferenceData.Split(reference), options, 1), TestContext.Current.CancellationToken);
            parameters.Add([.. fitted.Bytes.ToArray(), .. System.Runtime.InteropServices.MemoryMarshal.AsBytes<double>(fitted.Calibration![0].Values.ToArray())]);
            scores.Add((await kind.Create(new MonitorContext("k", model, options, fitted.Bytes, 1)).ScoreAsync(rows, TestContext.Current.CancellationToken)).Values);
        }

        Assert.Equal(scores[1], scores[0]);
        Assert.Equal(scores[1], scores[2]);
        Assert.Equal(parameters[1], parameters[0]);
    }
}
