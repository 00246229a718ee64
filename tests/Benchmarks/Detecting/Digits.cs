using Monitoring.Adversarial;
using Monitoring.AllInOne.Drills;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Extraction;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>
/// The demo's digits with the attack monitors fitted to them. Rows of the population: 0 to 2,999 the profile, 3,000 to 3,999 what parameters were chosen on, 4,000 to 4,999 clean traffic,
/// 5,000 to 5,099 victims seen while choosing, 5,100 on the victims judged, 5,200 to 5,399 images that attackers own, 5,400 to 5,999 private measurements.
/// </summary>
internal sealed class Digits : IDisposable
{
    public const int FirstVictim = 5_100;
    public const ulong Seed = 20261128;
    private readonly ScoringRuntime _scoring = new(new ScoringOptions { Device = "cpu", Threads = 1 });
    private readonly ScoringKernels _kernels;
    private readonly MonitorKinds _kinds;

    private Digits(DemoDigits demo)
    {
        Demo = demo;
        Model = new OnnxClassifier(demo.Path("digits.onnx"));
        var (population, rows, width) = NumpyFile.Read(demo.Path("digits-population.X.npy"));
        Inputs = [.. Enumerable.Range(0, rows).Select(r => population.AsSpan(r * width, width).ToArray())];
        _kernels = new ScoringKernels(_scoring);
        var configuration = new LoadedConfiguration(new MonitoringConfiguration(), demo.Path("monitoring.yaml"), "", [], []);
        _kinds = new MonitorKinds([new QuerySimilarityKind(), new OffManifoldKind(), new QueryPatternKind(configuration, _scoring, _kernels), new SelfSimilarityKind(), new QueryBudgetKind(), new SurrogateFidelityKind()]);
        Labels = [.. Inputs.Chunk(500).SelectMany(c =>
        {
            var p = Model.Probabilities(Vectors.Stack(c), c.Length);
            return Enumerable.Range(0, c.Length).Select(i => Vectors.ArgMax(p.AsSpan(i * 10, 10)));
        })];
    }

    public DemoDigits Demo { get; }

    public OnnxClassifier Model { get; }

    public float[][] Inputs { get; }

    public int[] Labels { get; }

    /// <summary>The fitted profile; its monitors by kind.</summary>
    public FittedProfile Profile { get; private set; } = null!;

    public static ModelDescription Description { get; } = new()
    {
        Name = "digits",
        Version = "1",
        Schema = ModelSchema.ForImage("image", new ImageLayout(28, 28)),
        Outputs = [new("probabilities", 10, OutputRole.Probabilities), new("embedding", 64, OutputRole.Embedding), new("features", 32, OutputRole.Other)],
    };

    public static async Task<Digits> OpenAsync()
    {
        var digits = new Digits(DemoDigits.Open());
        var (inputs, clients, events) = CleanReference.Draw(digits.Inputs[..3_000], digits.Labels[..3_000], 6_000, 10, 77);
        var reference = CleanReference.Batch(Description, inputs, digits.Run(inputs), clients, events);
        var checkpoints = Directory.GetFiles(digits.Demo.Path("digits-checkpoints"), "*.onnx").Order(StringComparer.Ordinal);
        WatchedMonitor[] monitors =
        [
            new() { Name = "query-similarity", Kind = "query-similarity" },
            new() { Name = "off-manifold", Kind = "off-manifold" },
            new() { Name = "query-pattern", Kind = "query-pattern", Options = new SortedDictionary<string, string> { ["checkpoints"] = string.Join(',', checkpoints) } },
            new() { Name = "self-similarity", Kind = "self-similarity" },
            new() { Name = "query-budget", Kind = "query-budget" },
            new() { Name = "surrogate-fidelity", Kind = "surrogate-fidelity" },
        ];
        digits.Profile = await new ProfileFitter(digits._kinds).FitAsync(monitors, ReferenceData.Split(reference), "reference", null, CancellationToken.None).ConfigureAwait(false);
        foreach (var line in digits.Profile.Warnings.Concat(digits.Profile.Failures))
        {
            Console.WriteLine(line);
        }

        return digits.Profile.Failures.Count == 0 ? digits : throw new InvalidOperationException("a monitor could not be fitted");
    }

    /// <summary>A new monitor of a kind with its evidence.</summary>
    public (IMonitor Monitor, SubjectSink Sink) Create(string kind, double level, int step = 1)
    {
        var profile = Profile.Profile.Monitors.Single(m => m.Name == kind);
        var options = MonitorOptions.Create(_kinds[kind], Options(kind));
        var monitor = _kinds[kind].Create(new MonitorContext(kind, Description, options, profile.Parameters, ProfileFitter.Seed(kind, Description)));
        return (monitor, new SubjectSink(monitor, profile, level, step));
    }

    /// <summary>Probabilities, embeddings and features.</summary>
    public float[][] Run(IReadOnlyList<float[]> inputs)
    {
        var parts = inputs.Chunk(500).Select(c => Model.Run(Vectors.Stack(c), c.Length, "probabilities", "embedding", "features")).ToArray();
        return [.. Enumerable.Range(0, 3).Select(o => parts.SelectMany(p => p[o]).ToArray())];
    }

    /// <summary>Rows as the runtime makes them of events.</summary>
    /// <param name="inputs">Inputs.</param>
    /// <param name="clients">Who sent them.</param>
    /// <param name="first">Number of the first row.</param>
    /// <param name="stepNano">Log time between rows.</param>
    /// <param name="outputs">Whether the model answers: monitors of inputs alone need none.</param>
    /// <param name="cohort">Address prefix of a client; null for none.</param>
    public RowBatch Rows(IReadOnlyList<float[]> inputs, IReadOnlyList<string> clients, int first = 0, long stepNano = 1, bool outputs = true, Func<string, string>? cohort = null)
    {
        var flat = Vectors.Stack(inputs);
        float[][] none = [[], [], []];
        var answers = outputs ? Run(inputs) : none;
        var plain = ReferenceData.FromMatrix(Description, flat, inputs.Count, answers, clients);
        return new RowBatch(
            Description,
            flat,
            answers,
            [.. Enumerable.Range(0, inputs.Count).Select(r => plain.Rows[r] with { EventId = "event-" + (first + r), EventHash = StableHash.Combine((ulong)(first + r), 3), TimeUnixNano = (first + r + 1) * stepNano, Offset = first + r, Event = r })],
            cohort is null ? [] : [.. clients.Select(c => new InferenceEvent { Client = new Client { Id = c, AddressPrefix = cohort(c) } })]);
    }

    public void Dispose()
    {
        Model.Dispose();
        _kernels.Dispose();
        _scoring.Dispose();
    }

    private SortedDictionary<string, string> Options(string kind) => kind != "query-pattern" ? [] : new SortedDictionary<string, string>
    {
        ["checkpoints"] = string.Join(',', Directory.GetFiles(Demo.Path("digits-checkpoints"), "*.onnx").Order(StringComparer.Ordinal)),
    };
}
