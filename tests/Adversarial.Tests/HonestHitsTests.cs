using Monitoring.Detection;

namespace Monitoring.Adversarial.Tests;

/// <summary>Evidence from hits alone: the score of a row is its value, uniform while a client is honest.</summary>
public sealed class HonestHitsTests
{
    private static readonly double s_level = Math.Log(1e5);
    private static readonly ModelDescription s_model = new() { Name = "m", Version = "1", Schema = ModelSchema.Numeric(2), Outputs = [new("probabilities", 2, OutputRole.Probabilities)] };

    [Fact]
    public void A_client_whose_every_input_is_a_hit_alarms_by_its_eighth()
    {
        var (monitor, _) = Fit(habits: false);
        Assert.InRange(QueriesToAlarm(monitor, Enumerable.Repeat(2f, 50)), 2, 8);
    }

    [Fact]
    public void An_old_client_that_turns_is_seen_as_soon_as_a_new_one()
    {
        var (monitor, _) = Fit(habits: false);
        var random = new Random(1);
        var honest = Enumerable.Range(0, 2_000).Select(_ => random.NextSingle()).ToArray();
        Assert.InRange(QueriesToAlarm(monitor, honest.Concat(Enumerable.Repeat(2f, 50))), 2_002, 2_009);
    }

    [Theory]
    [InlineData(0.01)]
    [InlineData(0.06)]
    [InlineData(0.3)]
    public void A_rate_that_lasts_from_the_start_is_the_client_s_own_and_no_attack(double rate)
    {
        var alarmed = 0;
        for (var client = 0; client < 30; client++)
        {
            var (monitor, _) = Fit(habits: false);
            var random = new Random(client);
            alarmed += QueriesToAlarm(monitor, Enumerable.Range(0, 5_000).Select(_ => random.NextDouble() < rate ? 2f : 0.5f)) == int.MaxValue ? 0 : 1;
        }

        // 150,000 queries at one in 10⁵ and client.
        Assert.InRange(alarmed, 0, rate > 0.1 ? 3 : 1);
    }

    [Fact]
    public void Three_versions_of_every_input_make_runs_of_hits_and_no_alarm()
    {
        var (monitor, honest) = Fit(habits: true);
        Assert.InRange(honest.AfterHit, 0.3, 0.8);
        var random = new Random(5);
        var queries = new List<float>();
        for (var input = 0; input < 20_000; input++)
        {
            queries.AddRange(Enumerable.Repeat(random.NextDouble() < 0.015 ? 2f : 0.5f, 3));
        }

        Assert.Equal(int.MaxValue, QueriesToAlarm(monitor, queries));
    }

    [Fact]
    public void Without_clients_in_the_reference_the_fit_says_so_and_grants_the_options()
    {
        var rows = Rows([.. Enumerable.Range(0, 1_000).Select(i => i / 1000f)], null);
        var context = new FitContext(s_model, ReferenceData.Split(rows), new OffManifoldOptions(), 1);
        var honest = HonestHits.Fit(new bool[context.Reference.CalibrationRows.Count], context, new OffManifoldOptions());

        Assert.Equal(new HonestHits(0.02, 20, 0.15), honest);
        Assert.Contains(context.Warnings, w => w.Contains("how honest clients differ", StringComparison.Ordinal));
    }

    [Fact]
    public void A_reference_of_odd_clients_grants_them_their_rate()
    {
        // A third of the clients' inputs are hits one time in ten.
        var random = new Random(3);
        var (values, clients) = (new List<float>(), new List<string>());
        for (var row = 0; row < 12_000; row++)
        {
            var client = row % 30;
            clients.Add("c" + client);
            values.Add(client % 3 == 0 && random.NextDouble() < 0.1 ? 0.999f + (0.001f * random.NextSingle()) : random.NextSingle() * 0.998f);
        }

        var honest = Honest(values, clients);
        Assert.InRange(honest.Share, 0.02, 0.05);
        Assert.InRange(honest.Concentration, 2, 20);
    }

    [Fact]
    public void Chains_survive_their_bytes()
    {
        var chain = new HitChain();
        foreach (var hit in new[] { false, true, true, false, true })
        {
            chain.Add(hit);
        }

        var output = new System.Buffers.ArrayBufferWriter<byte>();
        chain.Write(new Statistics.CanonicalWriter(output));
        var reader = new Statistics.CanonicalReader(output.WrittenSpan);
        var again = HitChain.Read(ref reader);
        reader.ExpectEnd();
        var honest = new HonestHits(0.02, 20, 0.2);
        Assert.Equal(chain.Predict(honest), again.Predict(honest));
        chain.Add(false);
        again.Add(false);
        Assert.Equal(chain.Predict(honest), again.Predict(honest));
        Assert.NotEqual(0.02, chain.Predict(honest));
    }

    private static HonestHits Honest(List<float> values, List<string>? clients)
    {
        var rows = Rows(values, clients);
        var context = new FitContext(s_model, ReferenceData.Split(rows), new OffManifoldOptions(), 1);
        var held = context.Reference.Calibration;
        return HonestHits.Fit([.. Enumerable.Range(0, held.Count).Select(r => held.Input(r)[0] > 0.99f)], context, new OffManifoldOptions());
    }

    /// <summary>A monitor of one uniform score; with habits, the reference's clients send every input in three versions.</summary>
    private static (IMonitor Monitor, HonestHits Honest) Fit(bool habits)
    {
        var random = new Random(9);
        var (values, clients) = (new List<float>(), new List<string>());
        for (var input = 0; input < 6_000; input++)
        {
            var value = random.NextSingle();
            for (var version = 0; version < (habits ? 3 : 1); version++)
            {
                values.Add(value);
                clients.Add("c" + (input % 30));
            }
        }

        var honest = Honest(values, clients);
        var calibration = ClassCalibration.Of([.. Enumerable.Range(0, 1_000).Select(i => i / 1000f)], new int[1_000]).With(honest);
        return (new ValueMonitor(calibration), honest);
    }

    private static int QueriesToAlarm(IMonitor monitor, IEnumerable<float> values)
    {
        var sink = new CollectingSink(monitor);
        var rows = Rows([.. values], null, "client");
        var scores = monitor.ScoreAsync(rows, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        for (var row = 0; row < rows.Count; row++)
        {
            monitor.Apply(rows, row, scores, sink);
            if (sink.LogBets("client") >= s_level)
            {
                return row + 1;
            }
        }

        return int.MaxValue;
    }

    /// <summary>The value, and the row's number so that no input is an exact repeat.</summary>
    private static RowBatch Rows(List<float> values, List<string>? clients, string client = "") => ReferenceData.FromMatrix(
        s_model,
        [.. values.SelectMany((v, i) => new[] { v, i })],
        values.Count,
        [[.. values.SelectMany(_ => new[] { 1f, 0f })]],
        clients is not null ? clients : client.Length > 0 ? Enumerable.Repeat(client, values.Count).ToList() : null);

    private sealed class ValueMonitor(ClassCalibration calibration) : ConformalHitMonitor(["value"], [calibration], new OffManifoldOptions(), 1)
    {
        protected override string Sentence => "are large";

        protected override void Score(RowBatch rows, Span<float> scores, CancellationToken cancellationToken)
        {
            for (var row = 0; row < rows.Count; row++)
            {
                scores[row] = rows.Input(row)[0];
            }
        }
    }
}
