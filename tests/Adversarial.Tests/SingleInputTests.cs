using System.Buffers;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Adversarial.Tests;

/// <summary>
/// off-manifold, class-mahalanobis and feature-squeezing on real digits, fitted on rows 0 to 2,999 of the population; clean traffic is rows 3,000 to 4,999, the
/// adversarial examples were found by query attacks on rows 5,000 to 5,019.
/// </summary>
public sealed class SingleInputTests : IDisposable
{
    private static readonly double s_level = Math.Log(1e5);
    private readonly ScoringRuntime _scoring = new(new ScoringOptions { Device = "cpu", Threads = 1 });
    private readonly ScoringModel _digits;
    private readonly ServedModels _models;

    private static readonly ModelDescription s_model = Digits.Model with
    {
        Outputs = [new("probabilities", 10, OutputRole.Probabilities), new("features", 32, OutputRole.Other)],
    };

    public SingleInputTests()
    {
        var file = Path.Combine(AppContext.BaseDirectory, "Demo", "digits.onnx");
        _digits = _scoring.LoadFile("digits", file);
        _models = new ServedModels(
            new LoadedConfiguration(new MonitoringConfiguration { Models = [new ModelConfiguration { Name = "digits", Onnx = new OnnxConfiguration { Path = file } }] }, file, "", [], []),
            _scoring);
    }

    public void Dispose()
    {
        _digits.Dispose();
        _scoring.Dispose();
    }

    [Fact]
    public async Task Off_manifold_sees_large_noise_within_eight_queries_and_stubborn_square_within_twenty()
    {
        var monitor = await FitAsync(new OffManifoldKind());
        foreach (var (_, queries) in Digits.Traces().Where(t => t.Attack == "square"))
        {
            // The goal is eight, and most victims keep it (docs/reference/detection.md); the recorded ones are the stubborn ones, on which Square takes 60 queries and more. One of them took eleven while
            // hits were taken for independent, which is what honest clients with several versions of an input alarmed by.
            Assert.InRange(await QueriesToAlarmAsync(monitor(), queries), 1, 20);
        }

        // Attacks that nothing was chosen beside, by which query-similarity is late or blind: whole-image signs and stripes, populations of noise.
        var unseen = Digits.Traces("unseen").Where(t => t.Attack is "rays" or "genattack").ToArray();
        Assert.Equal(4, unseen.Length);
        foreach (var (_, queries) in unseen)
        {
            Assert.InRange(await QueriesToAlarmAsync(monitor(), queries), 1, 15);
        }

        // The probes that an attacker sends who raises its noise until query-similarity links nothing.
        var random = new Random(3);
        for (var victim = 5_000; victim < 5_010; victim++)
        {
            var digit = Digits.Population()[victim];
            var probes = Enumerable.Range(0, 20).Select(_ => Array.ConvertAll(digit, v => Math.Clamp(v + (float)(0.3 * Normal(random)), 0, 1))).ToArray();
            Assert.InRange(await QueriesToAlarmAsync(monitor(), probes), 1, 8);
        }
    }

    [Theory]
    [InlineData("off-manifold")]
    [InlineData("class-mahalanobis")]
    [InlineData("feature-squeezing")]
    public async Task Honest_clients_never_alarm_not_even_those_who_send_one_class_or_resend(string kind)
    {
        var create = await FitAsync(Kind(kind));
        var clean = Rows(Digits.Population()[3_000..5_000]);
        var classes = Enumerable.Range(0, clean.Count).Select(clean.PredictedClass).ToArray();
        var random = new Random(5);
        var inputs = new List<int>();
        var clients = new List<string>();
        for (var i = 0; i < clean.Count; i++)
        {
            foreach (var client in new[] { "everything", "only-" + classes[i], "branch-" + (i % 7) })
            {
                inputs.Add(i);
                clients.Add(client);
            }

            inputs.Add(i);
            clients.Add("re-sender");
            for (; random.NextDouble() < 0.8;)
            {
                inputs.Add(i);
                clients.Add("re-sender");
            }
        }

        var monitor = create();
        var sink = new CollectingSink(monitor);
        await FeedAsync(monitor, sink, Rows([.. inputs.Select(i => Digits.Population()[3_000 + i])], clients));

        foreach (var client in clients.Distinct())
        {
            Assert.True(sink.LogBets(client) < s_level, $"{kind}: honest client {client} reached e^{sink.LogBets(client):F1}");
        }
    }

    [Theory]
    [InlineData("class-mahalanobis", 0.4)]
    [InlineData("feature-squeezing", 0.75)]
    public async Task Most_adversarial_examples_are_hits_and_few_clean_inputs_are(string kind, double least)
    {
        var monitor = (await FitAsync(Kind(kind)))();
        var examples = Digits.Traces().Where(t => t.Attack is "adversarial:hopskipjump" or "adversarial:simba-dct" or "adversarial:simba-pixel").SelectMany(t => t.Queries).ToArray();
        var hits = await HitShareAsync(monitor, Rows(examples, [.. examples.Select((_, i) => "c" + i)]));
        var clean = Digits.Population()[3_000..5_000];
        var falseHits = await HitShareAsync((await FitAsync(Kind(kind)))(), Rows(clean, [.. clean.Select((_, i) => "c" + i)]));

        Assert.True(examples.Length >= 40, $"{examples.Length} examples");
        Assert.True(hits >= least, $"{kind} hits {hits:P0} of the adversarial examples");
        Assert.True(falseHits <= 0.04, $"{kind} hits {falseHits:P1} of the clean inputs");
    }

    [Fact]
    public async Task State_survives_a_restart()
    {
        var create = await FitAsync(new OffManifoldKind());
        var monitor = create();
        var rows = Rows(Digits.Population()[3_000..3_100], [.. Enumerable.Range(0, 100).Select(i => "c" + (i % 4))]);
        await FeedAsync(monitor, new CollectingSink(monitor), rows);
        var keys = new List<string>();
        monitor.State!.TakeDirtyKeys(keys);
        var restored = create();
        foreach (var key in keys)
        {
            var output = new ArrayBufferWriter<byte>();
            Assert.True(monitor.State.Save(key, output));
            restored.State!.Restore(key, output.WrittenSpan);
        }

        // What was remembered is a repeat for both.
        var (before, after) = (new CollectingSink(monitor), new CollectingSink(restored));
        await FeedAsync(monitor, before, rows.Slice(90, 10));
        await FeedAsync(restored, after, rows.Slice(90, 10));
        Assert.Equal(double.NegativeInfinity, before.LogBets("c1"));
        Assert.Equal(double.NegativeInfinity, after.LogBets("c1"));
    }

    [Fact]
    public async Task A_reference_without_the_layer_is_refused_with_the_remedy()
    {
        var bare = ReferenceData.Split(Digits.Rows(Digits.Population()[..500]));
        var error = await Assert.ThrowsAsync<FitException>(async () =>
            await new ClassMahalanobisKind().FitAsync(new FitContext(Digits.Model, bare, new ClassMahalanobisOptions(), 1), CancellationToken.None));
        Assert.Contains("exports", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Squeezers_match_the_definition()
    {
        var layout = new ImageLayout(2, 3);
        var squeezed = new float[6];
        Squeezers.ReduceDepth([0, 0.2f, 0.4f, 0.6f, 0.8f, 1], layout, 2, squeezed);
        Assert.Equal([0, 1 / 3f, 1 / 3f, 2 / 3f, 2 / 3f, 1], squeezed);

        Squeezers.Median([1, 2, 3, 4, 5, 6], layout, 3, squeezed);
        Assert.Equal([2, 3, 3, 4, 4, 5], squeezed);
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private IMonitorKind Kind(string name) => name switch
    {
        "off-manifold" => new OffManifoldKind(),
        "class-mahalanobis" => new ClassMahalanobisKind(),
        _ => new FeatureSqueezingKind(_models),
    };

    private async Task<Func<IMonitor>> FitAsync(IMonitorKind kind)
    {
        var options = Activator.CreateInstance(kind.OptionsType)!;
        var parameters = await kind.FitAsync(new FitContext(s_model, ReferenceData.Split(Rows(Digits.Population()[..3_000])), options, 7), CancellationToken.None);
        return () => kind.Create(new MonitorContext("test", s_model, options, parameters.Bytes, 7));
    }

    private RowBatch Rows(IReadOnlyList<float[]> inputs, IReadOnlyList<string>? clients = null)
    {
        float[] flat = [.. inputs.SelectMany(i => i)];
        var outputs = _digits.Run([ScoringTensor.Create("image", flat, inputs.Count, 1, 28, 28)], ["probabilities", "features"]);
        return ReferenceData.FromMatrix(s_model, flat, inputs.Count, [.. outputs.Select(o => o.AsSpan<float>().ToArray())], clients);
    }

    private static async Task FeedAsync(IMonitor monitor, IObservationSink sink, RowBatch rows)
    {
        var scores = await monitor.ScoreAsync(rows, CancellationToken.None);
        for (var row = 0; row < rows.Count; row++)
        {
            monitor.Apply(rows, row, scores, sink);
        }
    }

    private async Task<int> QueriesToAlarmAsync(IMonitor monitor, float[][] queries)
    {
        var sink = new CollectingSink(monitor);
        for (var q = 0; q < queries.Length; q++)
        {
            await FeedAsync(monitor, sink, Rows([queries[q]], ["attacker"]));
            if (sink.LogBets("attacker") >= s_level)
            {
                return q + 1;
            }
        }

        return int.MaxValue;
    }

    private static async Task<double> HitShareAsync(IMonitor monitor, RowBatch rows)
    {
        var sink = new CollectingSink(monitor);
        await FeedAsync(monitor, sink, rows);
        return Enumerable.Range(0, rows.Count).Count(i => sink.LogBets("c" + i) > 0) / (double)rows.Count;
    }
}
