using Monitoring.AllInOne.Drills;

namespace Monitoring.AllInOne.Tests;

/// <summary>The attackers of the drills against the demo's served model, with nothing watching: they must really succeed.</summary>
public sealed class DrillTests : IDisposable
{
    private static readonly string s_demo = Path.Combine(AppContext.BaseDirectory, "demo");
    private static readonly Lazy<float[][]> s_population = new(() =>
    {
        var (values, rows, width) = NumpyFile.Read(Path.Combine(s_demo, "digits-population.X.npy"));
        return [.. Enumerable.Range(0, rows).Select(r => values.AsSpan(r * width, width).ToArray())];
    });

    private readonly OnnxClassifier _model = new(Path.Combine(s_demo, "digits.onnx"));

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData("nes")]
    [InlineData("simba-pixel")]
    [InlineData("simba-dct")]
    [InlineData("square")]
    [InlineData("boundary")]
    [InlineData("hopskipjump")]
    [InlineData("adaptive-square")]
    [InlineData("bandits-td")]
    [InlineData("signhunter")]
    [InlineData("genattack")]
    [InlineData("rays")]
    [InlineData("sign-opt")]
    [InlineData("qeba")]
    [InlineData("spatial")]
    [InlineData("square-redrawn")]
    [InlineData("square-targeted")]
    public async Task Query_attacks_deceive_the_model_on_at_least_one_of_three_victims_and_ask_what_they_say(string name)
    {
        var attack = EvasionAttacks.Everything.Single(a => a.Name == name);
        var succeeded = 0;
        for (var seed = 0; seed < 3; seed++)
        {
            var victim = s_population.Value[5_001 + seed];
            var label = Vectors.ArgMax(_model.Probabilities(victim, 1));
            var recording = await EvasionRecording.RunAsync(attack, Ask, 10, victim, label, s_population.Value[4_000..4_100], 1_500, seed);

            Assert.InRange(recording.Queries.Count, 1, 1_500);
            Assert.All(recording.Queries, q => Assert.All(q, v => Assert.InRange(v, 0f, 1f)));
            if (recording.SucceededAt is not null)
            {
                succeeded++;
                Assert.NotEqual(label, Vectors.ArgMax(_model.Probabilities(recording.Found!, 1)));
                Assert.InRange(recording.Distance, 0.1, name == "spatial" ? 20 : 9);
            }
        }

        Assert.True(succeeded >= 1, $"{name} never succeeded");
    }

    [Fact]
    public async Task Recordings_repeat_exactly_under_the_same_seed()
    {
        var victim = s_population.Value[5_001];
        var label = Vectors.ArgMax(_model.Probabilities(victim, 1));
        var first = await EvasionRecording.RunAsync(new SquareAttack("square"), Ask, 10, victim, label, [], 200, 9);
        var second = await EvasionRecording.RunAsync(new SquareAttack("square"), Ask, 10, victim, label, [], 200, 9);

        Assert.Equal(first.Queries.Count, second.Queries.Count);
        Assert.All(first.Queries.Zip(second.Queries), p => Assert.Equal(p.First, p.Second));
    }

    [Fact]
    public async Task Transferred_examples_deceive_the_model_sometimes_with_one_query()
    {
        var own = s_population.Value[..600];
        var surrogate = new SurrogateNetwork(784, 10, 1);
        surrogate.Train(own, [.. own.Select(x => _model.Probabilities(x, 1))], 12, 1);
        var succeeded = 0;
        for (var victim = 5_000; victim < 5_030; victim++)
        {
            var input = s_population.Value[victim];
            var label = Vectors.ArgMax(_model.Probabilities(input, 1));
            var recording = await EvasionRecording.RunAsync(new TransferAttack(TransferMethod.ProjectedGradient, surrogate), Ask, 10, input, label, [], 10, victim);
            Assert.Single(recording.Queries);
            succeeded += recording.SucceededAt is null ? 0 : 1;
        }

        Assert.True(succeeded >= 2, $"{succeeded} of 30 transferred");
    }

    [Fact]
    public async Task Thieves_copy_the_model_with_natural_queries_and_get_nothing_from_noise()
    {
        var probes = s_population.Value[5_000..5_300];
        var labels = probes.Select(p => Vectors.ArgMax(_model.Probabilities(p, 1))).ToArray();

        Assert.InRange(await Copy(ExtractionStrategy.Natural), 0.75, 1);
        Assert.InRange(await Copy(ExtractionStrategy.Active), 0.7, 1);
        Assert.InRange(await Copy(ExtractionStrategy.Noise), 0, 0.4);

        async Task<double> Copy(ExtractionStrategy strategy)
        {
            var thief = new ExtractionAttack(strategy, s_population.Value[..2_000]);
            await thief.RunAsync(new AttackSession(Ask, 784, 10, 400, 1));
            return thief.Agreement(400, probes, labels, 1);
        }
    }

    [Fact]
    public void Intervals_are_exact()
    {
        Assert.Equal([0, 0.3085], DrillStatistics.ClopperPearson(0, 10).Select(v => Math.Round(v, 4)));
        Assert.Equal([0.8316, 1], DrillStatistics.ClopperPearson(20, 20).Select(v => Math.Round(v, 4)));
        Assert.Equal([0.1871, 0.8129], DrillStatistics.ClopperPearson(5, 10).Select(v => Math.Round(v, 4)));
        Assert.Equal(2.9957e-6, DrillStatistics.PoissonUpperBound(0, 1_000_000), 1e-9);
        Assert.Equal(4.7439e-6, DrillStatistics.PoissonUpperBound(1, 1_000_000), 1e-9);
    }

    [Fact]
    public async Task Only_configured_models_can_be_attacked()
    {
        var folder = Directory.CreateTempSubdirectory("drill-");
        try
        {
            var config = Path.Combine(folder.FullName, "monitoring.yaml");
            await File.WriteAllTextAsync(config, "models: [{ name: mine }]\n", TestContext.Current.CancellationToken);
            var command = new DrillVerb([]).CreateCommand();

            // No option names an address: the target is what the configuration says, and nothing else.
            Assert.DoesNotContain(command.Options, o => o.Name.Contains("url", StringComparison.OrdinalIgnoreCase) || o.Name.Contains("address", StringComparison.OrdinalIgnoreCase) || o.Name.Contains("host", StringComparison.OrdinalIgnoreCase));
            Assert.Equal(2, await command.Parse(["nes", "--config", config, "--model", "theirs"]).InvokeAsync(cancellationToken: TestContext.Current.CancellationToken));
            Assert.Equal(2, await command.Parse(["no-such-attack", "--config", config, "--model", "mine"]).InvokeAsync(cancellationToken: TestContext.Current.CancellationToken));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private ValueTask<float[]> Ask(float[] inputs, int rows) => ValueTask.FromResult(_model.Probabilities(inputs, rows));
}
