using System.Buffers;
using Monitoring.Detection;

namespace Monitoring.Quality.Tests;

public sealed class QualityMonitorTests
{
    private static readonly ModelDescription s_model = new()
    {
        Name = "m",
        Version = "1",
        Schema = new ModelSchema(
        [
            new FeatureSchema("delay") { Minimum = -100, Maximum = 2_000 },
            new FeatureSchema("speed"),
            new FeatureSchema("city") { Type = FeatureType.Categorical, Categories = ["x", "y"] },
        ]),
    };

    [Theory]
    [InlineData(float.NaN, 0.5f, 0, "missing:delay", "never misses")]
    [InlineData(2_500, 0.5f, 0, "range:delay", "allowed is [-100, 2000]")]
    [InlineData(1, 1e9f, 0, "range:speed", "the reference lies in")]
    [InlineData(1, float.NegativeInfinity, 0, "infinite:speed", "infinite")]
    [InlineData(1, 0.5f, -1, "unseen:city", "does not know")]
    [InlineData(1, 0.5f, 7, "unseen:city", "does not know")]
    public async Task A_broken_value_is_reported_by_name(float delay, float speed, float city, string key, string words)
    {
        var sink = new Sink();
        var monitor = await FitAsync();
        Apply(monitor, [delay, speed, city], sink);
        var finding = Assert.Single(sink.Reports);
        Assert.Equal(key, finding.Key);
        Assert.Contains(words, finding.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clean_rows_report_nothing()
    {
        var sink = new Sink();
        Apply(await FitAsync(), Rows(5_000, 9), sink);
        Assert.Empty(sink.Reports);
    }

    [Fact]
    public async Task A_column_that_stops_moving_is_reported_also_across_a_restart()
    {
        var first = await FitAsync();
        var sink = new Sink();
        Apply(first, [1, 0.25f, 0, 2, 0.25f, 1], sink);
        var buffer = new ArrayBufferWriter<byte>();
        Assert.True(first.State!.Save("", buffer));
        var second = await FitAsync();
        second.State!.Restore("", buffer.WrittenSpan);

        // 'speed' never repeats in a reference of 400: 1/401 a repeat, so the fifth repeat is beyond 1e-12.
        Apply(second, [3, 0.25f, 0, 4, 0.25f, 1, 5, 0.25f, 0], sink);
        Assert.Empty(sink.Reports);
        Apply(second, [6, 0.25f, 1], sink);
        Assert.Equal("constant:speed", Assert.Single(sink.Reports).Key);
    }

    [Fact]
    public async Task Missing_and_broken_values_are_counted_per_row()
    {
        var sink = new Sink();
        Apply(await FitAsync(), [float.NaN, float.NaN, -1], sink);
        Assert.Equal([2.0, 1.0], sink.Values);
    }

    private static float[] Rows(int rows, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows).SelectMany(_ => new[] { random.Next(-50, 500), random.NextSingle(), random.Next(2) })];
    }

    private static async Task<IMonitor> FitAsync()
    {
        var kind = new QualityKind();
        var reference = ReferenceData.Split(ReferenceData.FromMatrix(s_model, Rows(400, 1), 400));
        var options = MonitorOptions.Create(kind);
        var fitted = await kind.FitAsync(new FitContext(s_model, reference, options, 1), TestContext.Current.CancellationToken);
        return kind.Create(new MonitorContext("quality", s_model, options, fitted.Bytes, 1));
    }

    private static void Apply(IMonitor monitor, float[] values, Sink sink)
    {
        var rows = ReferenceData.FromMatrix(s_model, values, values.Length / 3);
        for (var r = 0; r < rows.Count; r++)
        {
            monitor.Apply(rows, r, MonitorScores.Empty, sink);
        }
    }

    private sealed class Sink : IObservationSink
    {
        public List<CertainFinding> Reports { get; } = [];

        public double[] Values { get; } = new double[2];

        public void Observe(int variable, double value, string subject = "") => Values[variable] = value;

        public void Bet(int variable, double logIncrement, string subject = "") => throw new NotSupportedException();

        public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "") => throw new NotSupportedException();

        public void Report(CertainFinding finding) => Reports.Add(finding);
    }
}
