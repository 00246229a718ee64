using System.Buffers;
using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Quality.Tests;

public sealed class QualityMonitorTests
{
    /// <summary>ln of the level of one false alarm in 10⁶ draws.</summary>
    private static readonly double s_level = Math.Log(1e6);

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
    [InlineData(float.NaN, 0.5f, 0, "missing:delay", "delay is missing in ")]
    [InlineData(2_500, 0.5f, 0, "range:delay", "allowed [-100, 2000]")]
    [InlineData(1, 1e9f, 0, "range:speed", "far outside of the reference's [")]
    [InlineData(1, float.NegativeInfinity, 0, "infinite:speed", "speed is infinite")]
    [InlineData(1, 0.5f, -1, "unseen:city", "does not know")]
    [InlineData(1, 0.5f, 7, "unseen:city", "does not know")]
    public async Task A_column_that_breaks_is_found_by_name_within_ten_rows(float delay, float speed, float city, string key, string words)
    {
        var sink = new Sink();
        var monitor = await FitAsync();
        Apply(monitor, Rows(500, 9), sink);
        Assert.True(Broken(sink).All(e => e.Value < 10), "clean rows have no evidence to speak of");
        sink.Evidences.Clear();

        // Other columns move on: one thing breaks at a time.
        var rows = Rows(10, 10);
        for (var r = 0; r < 10; r++)
        {
            rows[3 * r] = delay == 1 ? rows[3 * r] : delay;
            rows[(3 * r) + 1] = speed == 0.5f ? rows[(3 * r) + 1] : speed;
            rows[(3 * r) + 2] = city == 0 ? rows[(3 * r) + 2] : city;
        }

        Apply(monitor, rows, sink);
        Assert.True(sink.Evidences[key] > s_level, $"evidence {sink.Evidences[key]}");
        Assert.All(sink.Evidences.Where(e => e.Key != key), e => Assert.True(e.Value < s_level, e.Key + " has evidence " + e.Value));
        var details = new FindingDetails();
        monitor.Describe(new AlarmContext(ReferenceData.FromMatrix(s_model, rows, 10), 9, key, -1, sink.Evidences[key], s_level), details);
        Assert.Contains(words, details.Summary, StringComparison.Ordinal);
        Assert.Contains("in 10 of the last 10 independent rows", details.Summary, StringComparison.Ordinal);
        Assert.Equal(key[(key.IndexOf(':', StringComparison.Ordinal) + 1)..], details.Variable);
    }

    [Theory]
    [InlineData(2_500, 0, "range:delay")]
    [InlineData(1, -1, "unseen:city")]
    public async Task What_the_schema_declares_is_a_ticket_at_the_first_row(float delay, float city, string key)
    {
        var sink = new Sink();
        Apply(await FitAsync(), [delay, 0.5f, city], sink);
        var finding = Assert.Single(sink.Reports);
        Assert.Equal((key, Severity.Change), (finding.Key, finding.Severity));
        Assert.True(sink.Evidences[key] < s_level, "one row does not page");
    }

    [Fact]
    public async Task A_feed_frozen_whole_is_a_ticket_once_and_a_short_run_of_retries_is_none()
    {
        var sink = new Sink();
        var monitor = await FitAsync();
        Apply(monitor, Rows(300, 9), sink);
        float[] frozen = Rows(1, 10), retried = Rows(1, 11);
        Apply(monitor, [.. Enumerable.Repeat(retried, 20).SelectMany(r => r)], sink, admitted: false);
        Apply(monitor, Rows(5, 12), sink);
        Assert.DoesNotContain(sink.Reports, r => r.Key == "frozen");

        // Longer than ten times the twenty retries; the state goes through bytes on the way.
        Apply(monitor, [.. Enumerable.Repeat(frozen, 199).SelectMany(r => r)], sink, admitted: false);
        Assert.DoesNotContain(sink.Reports, r => r.Key == "frozen");
        var buffer = new ArrayBufferWriter<byte>();
        Assert.True(monitor.State!.Save("", buffer));
        monitor = await FitAsync();
        monitor.State!.Restore("", buffer.WrittenSpan);
        Apply(monitor, [.. Enumerable.Repeat(frozen, 1_000).SelectMany(r => r)], sink, admitted: false);
        var found = Assert.Single(sink.Reports, r => r.Key == "frozen");
        Assert.Equal((Severity.Change, 200), (found.Severity, (int)found.Score));
        Assert.Contains("the last 200 rows are one and the same", found.Summary, StringComparison.Ordinal);

        // The same again is usual by now.
        Apply(monitor, Rows(5, 13), sink);
        Apply(monitor, [.. Enumerable.Repeat(frozen, 1_500).SelectMany(r => r)], sink, admitted: false);
        Assert.Single(sink.Reports, r => r.Key == "frozen");
    }

    [Fact]
    public async Task A_rate_that_is_usual_is_not_broken_and_its_rise_is()
    {
        // A tenth of the speeds is missing in the reference.
        var monitor = await FitAsync(Thinned(Rows(4_000, 1), 0.1, 2), 4_000);
        var sink = new Sink();
        Apply(monitor, Thinned(Rows(20_000, 3), 0.1, 4), sink);
        Assert.True(sink.Strongest < s_level, $"evidence {sink.Strongest} on the usual rate");
        Apply(monitor, Thinned(Rows(1_000, 5), 0.3, 6), sink);
        Assert.True(sink.Strongest > s_level && sink.StrongestKey == "missing:speed", $"{sink.StrongestKey}: {sink.Strongest}");
    }

    [Fact]
    public async Task Categories_that_grow_by_nature_do_not_page()
    {
        // Names drawn from a long tail: the reference of 2,000 rows has not seen many of 10,000, and says so by what it saw once.
        var model = new ModelDescription
        {
            Name = "m",
            Version = "1",
            Schema = new ModelSchema([new FeatureSchema("word") { Type = FeatureType.Categorical, Categories = [.. Enumerable.Range(0, 10_000).Select(i => "w" + i)] }]),
        };
        var random = new Random(3);
        float Word() => (float)Math.Min(20_000, Math.Floor(Math.Pow(random.NextDouble(), -1.2) * 100));
        var reference = Enumerable.Range(0, 2_000).Select(_ => Word()).ToArray();
        var monitor = await FitAsync(reference, 2_000, model);
        var sink = new Sink();
        var stream = Enumerable.Range(0, 20_000).Select(_ => Word()).ToArray();
        Assert.Contains(stream, w => w >= 10_000);
        Apply(monitor, stream, sink, model);
        Assert.True(sink.Strongest < s_level, $"{sink.StrongestKey}: {sink.Strongest}");
        Assert.Empty(sink.Reports);
    }

    [Fact]
    public async Task Clean_streams_hold_the_level_of_the_evidence()
    {
        // P(an alarm at level A within n draws) ≤ n/A for an e-detector; here n/A = 0.05 a stream.
        var alarms = 0;
        for (var seed = 0; seed < 40; seed++)
        {
            var monitor = await FitAsync(Hard(400, 100 + seed), 400);
            var sink = new Sink();
            Apply(monitor, Hard(2_000, 1_000 + seed), sink);
            alarms += sink.Strongest >= Math.Log(40_000) ? 1 : 0;
        }

        Assert.InRange(alarms, 0, 6);
    }

    [Fact]
    public async Task A_column_that_stops_moving_is_found_also_across_a_restart()
    {
        var first = await FitAsync();
        var sink = new Sink();
        Apply(first, [1, 0.25f, 0, 2, 0.25f, 1, 7, 0.25f, 0], sink);
        var buffer = new ArrayBufferWriter<byte>();
        Assert.True(first.State!.Save("", buffer));
        var second = await FitAsync();
        second.State!.Restore("", buffer.WrittenSpan);
        var again = new ArrayBufferWriter<byte>();
        second.State.Save("", again);
        Assert.Equal(buffer.WrittenSpan.ToArray(), again.WrittenSpan.ToArray());

        // A repeat has at most 6.9/401 of chance, and there are twelve checks: the fourth repeat is below, the fifth beyond 10⁻⁶.
        Apply(second, [3, 0.25f, 0, 4, 0.25f, 1], sink);
        Assert.True(sink.Evidences["constant:speed"] < s_level);
        Apply(second, [5, 0.25f, 0], sink);
        Assert.True(sink.Evidences["constant:speed"] > s_level, $"{sink.Evidences["constant:speed"]}");
        var details = new FindingDetails();
        second.Describe(new AlarmContext(ReferenceData.FromMatrix(s_model, [5, 0.25f, 0], 1), 0, "constant:speed", -1, 20, s_level), details);
        Assert.Contains("speed has not changed for 6 independent rows", details.Summary, StringComparison.Ordinal);
        Apply(second, [6, 0.5f, 0], sink);
        Assert.Equal(double.NegativeInfinity, sink.Evidences["constant:speed"]);
    }

    [Fact]
    public async Task Columns_that_stand_still_in_the_reference_may_do_so()
    {
        // delay: almost always zero; speed: constant; city: sorted, as by a nightly job.
        float[] Calm(int rows, int seed)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, rows).SelectMany(r => new[] { random.NextDouble() < 0.95 ? 0 : random.Next(100), 3f, r * 2 / rows })];
        }

        var monitor = await FitAsync(Calm(1_000, 1), 1_000);
        var sink = new Sink();
        Apply(monitor, Calm(20_000, 2), sink);
        Assert.True(sink.Strongest < s_level, $"{sink.StrongestKey}: {sink.Strongest}");
    }

    [Fact]
    public async Task Real_digits_are_clean_in_any_order_and_a_stuck_or_broken_camera_is_not()
    {
        var bytes = await File.ReadAllBytesAsync(Path.Combine(AppContext.BaseDirectory, "Demo", "digits-population.X.npy"), TestContext.Current.CancellationToken);
        var model = new ModelDescription { Name = "digits", Version = "1", Schema = ModelSchema.ForImage("image", new ImageLayout(28, 28)) };
        float[] Digit(int row) => Array.ConvertAll(bytes.AsSpan(bytes.Length - (6_000 * 784) + (row * 784), 784).ToArray(), b => b / 255f);
        var random = new Random(5);
        var monitor = await FitAsync([.. Enumerable.Range(0, 3_000).SelectMany(Digit)], 3_000, model);
        var sink = new Sink();

        // Shuffled, then sorted by how bright they are: neighbours are as alike as real digits can be.
        var order = Enumerable.Range(3_000, 3_000).OrderBy(_ => random.Next()).ToArray();
        Apply(monitor, [.. order.SelectMany(Digit)], sink, model);
        Apply(monitor, [.. order.OrderBy(r => Digit(r).Sum()).SelectMany(Digit)], sink, model);
        Assert.True(sink.Strongest < s_level, $"{sink.StrongestKey}: {sink.Strongest}");
        Assert.Empty(sink.Reports);

        Apply(monitor, [.. Enumerable.Range(0, 10).SelectMany(_ => Digit(4_321))], sink, model);
        Assert.True(sink.Evidences["constant:image"] > s_level);
        Apply(monitor, [.. order.Take(10).SelectMany(r => Digit(r).Select(p => p * 255))], sink, model);
        Assert.True(sink.Evidences["range:image"] > s_level);
        Apply(monitor, [.. order.Take(10).SelectMany(r => Digit(r).Select((p, i) => i == 400 ? float.NaN : p))], sink, model);
        Assert.True(sink.Evidences["missing:image"] > s_level);
    }

    [Fact]
    public async Task Events_that_do_not_fit_are_a_ticket_and_page_when_many_clients_send_them()
    {
        var monitor = await FitAsync();
        var sink = new Sink();
        Apply(monitor, Rows(100, 3), sink);

        // One client that sends the same rubbish a hundred times within a minute is one draw.
        for (var i = 0; i < 100; i++)
        {
            Unreadable(monitor, sink, "acme", 1_000_000_000L + i);
        }

        Assert.Equal("schema", sink.Reports[0].Key);
        Assert.Equal(Severity.Change, sink.Reports[0].Severity);
        Assert.True(sink.Evidences["schema"] < s_level);
        for (var i = 0; i < 10; i++)
        {
            Unreadable(monitor, sink, "client-" + i, 2_000_000_000L + i);
        }

        Assert.True(sink.Evidences["schema"] > s_level);

        // Calm again after clean traffic.
        Apply(monitor, Rows(64_000, 4), sink);
        Assert.True(sink.Evidences["schema"] < s_level / 2);
    }

    private static IEnumerable<KeyValuePair<string, double>> Broken(Sink sink) => sink.Evidences.Where(e => !e.Key.StartsWith("constant:", StringComparison.Ordinal));

    private static float[] Rows(int rows, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows).SelectMany(_ => new[] { random.Next(-50, 500), random.NextSingle(), random.Next(2) })];
    }

    /// <summary>A heavy tail (Cauchy), a column with many ties and rare holes, a rare category.</summary>
    private static float[] Hard(int rows, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows).SelectMany(_ => new[]
        {
            random.NextDouble() < 0.002 ? float.NaN : random.Next(12),
            (float)Math.Tan(Math.PI * (random.NextDouble() - 0.5)),
            random.NextDouble() < 0.001 ? -1 : random.Next(2),
        })];
    }

    private static float[] Thinned(float[] rows, double share, int seed)
    {
        var random = new Random(seed);
        for (var i = 1; i < rows.Length; i += 3)
        {
            rows[i] = random.NextDouble() < share ? float.NaN : rows[i];
        }

        return rows;
    }

    private static async Task<IMonitor> FitAsync(float[]? reference = null, int rows = 400, ModelDescription? model = null)
    {
        var kind = new QualityKind();
        var data = ReferenceData.Split(ReferenceData.FromMatrix(model ?? s_model, reference ?? Rows(400, 1), rows));
        var options = MonitorOptions.Create(kind);
        var fitted = await kind.FitAsync(new FitContext(model ?? s_model, data, options, 1), TestContext.Current.CancellationToken);
        return kind.Create(new MonitorContext("quality", model ?? s_model, options, fitted.Bytes, 1));
    }

    private static void Apply(IMonitor monitor, float[] values, Sink sink, ModelDescription? model = null, bool admitted = true)
    {
        var rows = ReferenceData.FromMatrix(model ?? s_model, values, values.Length / (model ?? s_model).Width);
        rows = admitted ? rows : new RowBatch(rows.Model, values, [], [.. rows.Rows.ToArray().Select(r => r with { Admitted = false })], []);
        for (var r = 0; r < rows.Count; r++)
        {
            monitor.Apply(rows, r, MonitorScores.Empty, sink);
        }
    }

    private static void Unreadable(IMonitor monitor, Sink sink, string client, long time) =>
        monitor.Apply(
            new RowBatch(s_model, [float.NaN, float.NaN, float.NaN], [], [new RowInfo("e", 1, 1, client, time, 1, 0, 0, Admitted: false)], [new InferenceEvent { Violations = { new SchemaViolation { Feature = "x", Kind = "shape", Detail = "2 values a row" } } }]),
            0,
            MonitorScores.Empty,
            sink);

    private sealed class Sink : IObservationSink
    {
        public List<CertainFinding> Reports { get; } = [];

        public SortedDictionary<string, double> Evidences { get; } = new(StringComparer.Ordinal);

        public double Strongest { get; private set; } = double.NegativeInfinity;

        public string StrongestKey { get; private set; } = "";

        public void Observe(int variable, double value, string subject = "") => throw new NotSupportedException();

        public void Bet(int variable, double logIncrement, string subject = "") => throw new NotSupportedException();

        public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "")
        {
            Evidences[subject] = logEvidence;
            if (logEvidence > Strongest)
            {
                (Strongest, StrongestKey) = (logEvidence, subject);
            }
        }

        public void Report(CertainFinding finding) => Reports.Add(finding);
    }
}
