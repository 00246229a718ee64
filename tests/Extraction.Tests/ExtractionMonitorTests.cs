using System.Buffers;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;
using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Extraction.Tests;

/// <summary>On the demo's digits: the reference is rows 0 to 2,999 of the population, in 30 clients with class mixes of their own; clients judged are from rows 3,000 on.</summary>
public sealed class ExtractionMonitorTests : IDisposable
{
    private const int Width = 784;

    private static readonly ModelDescription s_model = new()
    {
        Name = "digits",
        Version = "1",
        Schema = ModelSchema.ForImage("image", new ImageLayout(28, 28)),
        Outputs = [new("probabilities", 10, OutputRole.Probabilities), new("embedding", 64, OutputRole.Embedding)],
    };

    private static readonly Lazy<float[][]> s_population = new(() =>
    {
        var file = NpyFile.Read(Path.Combine(AppContext.BaseDirectory, "Demo", "digits-population.X.npy"));
        return [.. Enumerable.Range(0, file.Rows).Select(r => Array.ConvertAll(file.Row(r).ToArray(), v => v / 255))];
    });

    private readonly ScoringRuntime _scoring = new(new ScoringOptions { Device = "cpu", Threads = 1 });
    private readonly ScoringKernels _kernels;
    private readonly ScoringModel _digits;
    private readonly LoadedConfiguration _configuration = new(new MonitoringConfiguration(), Path.Combine(AppContext.BaseDirectory, "Demo", "monitoring.yaml"), "", [], []);

    public ExtractionMonitorTests()
    {
        _kernels = new ScoringKernels(_scoring);
        _digits = _scoring.LoadFile("digits", Path.Combine(AppContext.BaseDirectory, "Demo", "digits.onnx"));
    }

    public void Dispose()
    {
        _kernels.Dispose();
        _digits.Dispose();
        _scoring.Dispose();
    }

    [Fact]
    public async Task Noise_and_foreign_inputs_alarm_soon_natural_queries_never_and_honest_clients_stay_calm()
    {
        var options = new QueryPatternOptions { Checkpoints = ["epoch-01.onnx", "epoch-03.onnx", "epoch-08.onnx", "epoch-30.onnx"], Neighbours = 1_000 };
        var kind = new QueryPatternKind(_configuration, _scoring, _kernels);
        var random = new Random(1);
        var (inputs, clients) = HonestClients(s_population.Value[..3_000], 30, 80, random, once: true);
        var reference = ReferenceData.Split(Rows(inputs, clients));
        var parameters = await kind.FitAsync(new FitContext(s_model, reference, options, 5), CancellationToken.None);
        var monitor = kind.Create(new MonitorContext("q", s_model, options, parameters.Bytes, 5));
        var judge = await Judge.FitAsync(monitor, reference.Calibration);

        var natural = s_population.Value[3_000..4_500];
        var noise = Enumerable.Range(0, 50).Select(_ => Enumerable.Range(0, Width).Select(_ => random.NextSingle()).ToArray()).ToArray();
        var foreign = natural.Take(200).Select(d => d.Select((v, i) => d[(i % 28 * 28) + (i / 28)]).Reverse().ToArray()).ToArray();

        Assert.Equal(["input distance", "answer entropy", "embedding distance", "hardness", "doubt while training"], monitor.Variables.Where(v => v.Type != VariableType.Bet).Select(v => v.Name));
        Assert.Equal(5 * StrangeTails.Powers.Length, monitor.Variables.Count(v => v.Type == VariableType.Bet));
        Assert.InRange(await judge.QueriesToAlarmAsync(monitor, Rows(noise, [.. noise.Select(_ => "noise")]), "noise"), 1, 12);
        Assert.InRange(await judge.QueriesToAlarmAsync(monitor, Rows(foreign, [.. foreign.Select(_ => "foreign")]), "foreign"), 1, 60);
        Assert.Equal(int.MaxValue, await judge.QueriesToAlarmAsync(monitor, Rows(natural, [.. natural.Select(_ => "natural")]), "natural"));
        var (others, names) = HonestClients(s_population.Value[3_000..], 40, 200, random, once: false);
        var honest = Rows(others, names);
        var alarmed = new List<string>();
        foreach (var name in names.Distinct())
        {
            var rows = honest.Select([.. Enumerable.Range(0, honest.Count).Where(r => names[r] == name)]);
            if (await judge.QueriesToAlarmAsync(monitor, rows, name) != int.MaxValue)
            {
                alarmed.Add(name);
            }
        }

        // At one alarm in 10⁵ queries, 8,000 honest queries leave room for none; the published urn alarms on nearly all.
        Assert.True(alarmed.Count <= 2, $"{alarmed.Count} of 40 honest clients alarmed");
    }

    [Fact]
    public async Task The_fidelity_interval_grows_with_natural_queries_and_stays_low_for_noise()
    {
        var options = new SurrogateFidelityOptions();
        var kind = new SurrogateFidelityKind();
        var parameters = await kind.FitAsync(new FitContext(s_model, ReferenceData.Split(Rows(s_population.Value[..2_000])), options, 5), CancellationToken.None);
        var monitor = (SurrogateFidelityMonitor)kind.Create(new MonitorContext("f", s_model, options, parameters.Bytes, 5));
        var sink = new Sink();
        var random = new Random(2);
        await FeedAsync(monitor, sink, Rows(s_population.Value[3_000..4_000], [.. Enumerable.Repeat("thief", 1_000)]));
        await FeedAsync(monitor, sink, Rows([.. Enumerable.Range(0, 300).Select(_ => Enumerable.Range(0, Width).Select(_ => random.NextSingle()).ToArray())], [.. Enumerable.Repeat("noise", 300)]));

        var thief = sink.Reports.Where(r => r.Client == "thief").Select(r => (Low: r.Measures[0].Value, High: r.Measures[1].Value)).ToArray();
        Assert.True(thief.Length >= 7, $"{thief.Length} measurements in 1,000 queries");
        Assert.InRange(thief[^1].Low, 0.7, 0.95);
        Assert.InRange(thief[^1].High, 0.93, 1);
        Assert.True(thief[^1].Low > thief[0].Low);
        Assert.All(sink.Reports.Where(r => r.Client == "noise"), r => Assert.InRange(r.Measures[0].Value, 0, 0.4));
    }

    [Fact]
    public void A_flood_of_new_names_displaces_nobody_who_asks_much_and_a_heavy_asker_displaces_the_lightest()
    {
        var clients = new MeasuredClients(8, () => new RidgeSums(3, 2));
        var input = 0ul;
        for (var query = 0; query < 40; query++)
        {
            Ask("thief", 1);
            Ask("customer-" + (query % 7), 1);
        }

        Assert.Equal(8, clients.Measured);

        // More names than are counted, each silent after two questions: LRU would have forgotten everybody.
        for (var name = 0; name < MeasuredClients.Counted + 500; name++)
        {
            Ask("flood-" + name, 2);
        }

        Assert.Equal(40, clients.Find("thief")!.Weight);
        Assert.True(clients.Find("thief")!.IsMeasured);
        Assert.All(Enumerable.Range(0, 7), c => Assert.True(clients.Find("customer-" + c)!.IsMeasured));
        Assert.Equal(8, clients.Measured);
        Assert.InRange(clients.Forgotten, 500, 520);
        var forgotten = clients.Forgotten;

        // The ninth is counted, and measured once it has asked more than twice as much as whoever asked least.
        Ask("late", 10);
        Assert.False(clients.Find("late")!.IsMeasured);
        Ask("late", 1);
        Assert.True(clients.Find("late")!.IsMeasured);
        Assert.False(clients.Find("customer-5")!.IsMeasured);
        Assert.Equal(5, clients.Find("customer-5")!.Weight);

        // Two were forgotten: a name of the flood, so that the late one could be counted, and what the displaced one had asked.
        Assert.Equal((8, 2), (clients.Measured, clients.Forgotten - forgotten));

        void Ask(string name, int times)
        {
            for (var i = 0; i < times; i++)
            {
                Assert.NotNull(clients.Take(name, ++input));
                Assert.Null(clients.Take(name, input));
            }
        }
    }

    [Fact]
    public void Who_is_measured_is_the_same_after_a_restart()
    {
        var random = new Random(5);
        var queries = Enumerable.Range(0, 3_000).Select(i => (Name: "c" + (int)(40 * random.NextDouble() * random.NextDouble()), Input: (ulong)i + 1)).ToArray();
        var undisturbed = new MeasuredClients(4, () => new RidgeSums(3, 2));
        var restarted = new MeasuredClients(4, () => new RidgeSums(3, 2));
        var saved = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        for (var i = 0; i < queries.Length; i++)
        {
            Assert.Equal(undisturbed.Take(queries[i].Name, queries[i].Input)!.IsMeasured, restarted.Take(queries[i].Name, queries[i].Input)!.IsMeasured);
            if (i % 97 == 0)
            {
                Save(restarted, saved);
                restarted = new MeasuredClients(4, () => new RidgeSums(3, 2));
                foreach (var (key, value) in saved)
                {
                    restarted.Restore(key, value);
                }
            }
        }

        var all = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        Save(undisturbed, all);
        Save(restarted, saved);
        Assert.True(undisturbed.Forgotten > 0);
        Assert.Equal(all.Keys, saved.Keys);
        Assert.All(all, a => Assert.Equal(a.Value, saved[a.Key]));

        static void Save(MeasuredClients clients, SortedDictionary<string, byte[]> into)
        {
            var keys = new List<string>();
            clients.TakeDirtyKeys(keys);
            foreach (var key in keys)
            {
                var output = new ArrayBufferWriter<byte>();
                if (clients.Save(key, output))
                {
                    into[key] = output.WrittenSpan.ToArray();
                }
                else
                {
                    into.Remove(key);
                }
            }
        }
    }

    [Fact]
    public async Task The_fidelity_interval_covers_a_copy_that_learnt_from_the_logarithms_of_answers_that_are_all_the_same()
    {
        // Every answer to noise is the same class; a softmax trained on them by cross-entropy learns what differs between the others.
        var options = new SurrogateFidelityOptions();
        var kind = new SurrogateFidelityKind();
        var parameters = await kind.FitAsync(new FitContext(s_model, ReferenceData.Split(Rows(s_population.Value[..2_000])), options, 5), CancellationToken.None);
        var monitor = (SurrogateFidelityMonitor)kind.Create(new MonitorContext("f", s_model, options, parameters.Bytes, 5));
        var random = new Random(2);
        var noise = Enumerable.Range(0, 1_500).Select(_ => Enumerable.Range(0, Width).Select(_ => random.NextSingle()).ToArray()).ToArray();
        var rows = Rows(noise, [.. noise.Select(_ => "noise")]);
        await FeedAsync(monitor, new Sink(), rows);
        var (low, high) = monitor.Measure(monitor.Find("noise")!);

        var weights = new float[10][];
        for (var c = 0; c < 10; c++)
        {
            weights[c] = new float[Width + 1];
        }

        for (var epoch = 0; epoch < 20; epoch++)
        {
            for (var i = 0; i < noise.Length; i++)
            {
                var answer = Answer(weights, noise[i]);
                for (var c = 0; c < 10; c++)
                {
                    var step = -0.02f * (answer[c] - rows.Output(0, i)[c]);
                    System.Numerics.Tensors.TensorPrimitives.MultiplyAdd(noise[i], step, weights[c].AsSpan(0, Width), weights[c].AsSpan(0, Width));
                    weights[c][Width] += step;
                }
            }
        }

        var probes = Rows(s_population.Value[5_000..]);
        var agreement = Enumerable.Range(0, probes.Count).Count(i => System.Numerics.Tensors.TensorPrimitives.IndexOfMax<float>(Answer(weights, probes.Input(i))) == probes.PredictedClass(i)) / (double)probes.Count;
        Assert.InRange(agreement, low, high);
        Assert.InRange(high, 0.3, 0.75);

        static float[] Answer(float[][] weights, ReadOnlySpan<float> input)
        {
            var answer = new float[10];
            for (var c = 0; c < 10; c++)
            {
                answer[c] = System.Numerics.Tensors.TensorPrimitives.Dot(weights[c].AsSpan(0, Width), input) + weights[c][Width];
            }

            System.Numerics.Tensors.TensorPrimitives.SoftMax<float>(answer, answer);
            return answer;
        }
    }

    [Fact]
    public async Task Fidelity_state_survives_a_restart()
    {
        var options = new SurrogateFidelityOptions();
        var kind = new SurrogateFidelityKind();
        var parameters = await kind.FitAsync(new FitContext(s_model, ReferenceData.Split(Rows(s_population.Value[..500])), options, 5), CancellationToken.None);
        var context = new MonitorContext("f", s_model, options, parameters.Bytes, 5);
        var (first, second) = ((SurrogateFidelityMonitor)kind.Create(context), (SurrogateFidelityMonitor)kind.Create(context));
        await FeedAsync(first, new Sink(), Rows(s_population.Value[3_000..3_100], [.. Enumerable.Repeat("c", 100)]));
        var keys = new List<string>();
        first.State.TakeDirtyKeys(keys);
        foreach (var key in keys)
        {
            var output = new ArrayBufferWriter<byte>();
            Assert.True(first.State.Save(key, output));
            Assert.InRange(output.WrittenCount, 1, 512 * 1024);
            second.State.Restore(key, output.WrittenSpan);
        }

        Assert.Equal(first.Measure(first.Find("c")!), second.Measure(second.Find("c")!));
    }

    [Fact]
    public async Task Synthetic_queries_around_a_client_s_own_are_seen_and_honest_clients_are_left_alone()
    {
        var options = new SelfSimilarityOptions();
        var kind = new SelfSimilarityKind();
        var random = new Random(7);
        var (inputs, clients) = HonestClients(s_population.Value[..3_000], 30, 80, random, once: true);
        var fit = new FitContext(s_model, ReferenceData.Split(Rows(inputs, clients)), options, 5);
        var parameters = await kind.FitAsync(fit, CancellationToken.None);
        IMonitor Create() => kind.Create(new MonitorContext("s", s_model, options, parameters.Bytes, 5));

        // Fifty seeds, then steps of a tenth along the signs of something, from any earlier query.
        var thief = s_population.Value[4_000..4_050].ToList();
        while (thief.Count < 180)
        {
            thief.Add([.. thief[random.Next(thief.Count)].Select(v => Math.Clamp(v + (random.Next(2) == 0 ? 0.1f : -0.1f), 0, 1))]);
        }

        Assert.InRange(await QueriesToAlarmAsync(Create(), thief), 52, 120);
        for (var client = 0; client < 10; client++)
        {
            var (honest, _) = HonestClients(s_population.Value[3_000..], 1, 600, random, once: false);
            Assert.Equal(int.MaxValue, await QueriesToAlarmAsync(Create(), honest));
        }

        // Near copies are the business of another monitor, retries of none.
        var copies = Enumerable.Range(0, 300).Select(_ => s_population.Value[4_000].Select(v => Math.Clamp(v + (0.02f * (random.NextSingle() - 0.5f)), 0, 1)).ToArray()).ToArray();
        Assert.Equal(int.MaxValue, await QueriesToAlarmAsync(Create(), copies));

        async Task<int> QueriesToAlarmAsync(IMonitor monitor, IReadOnlyList<float[]> queries)
        {
            var sums = new double[monitor.Variables.Count];
            var sink = new Sink { OnBet = (variable, log) => sums[variable] = (sums[variable] + 1) * Math.Exp(log) };
            var rows = Rows(queries, [.. queries.Select(_ => "one")]);
            var scores = await monitor.ScoreAsync(rows, CancellationToken.None);
            for (var row = 0; row < rows.Count; row++)
            {
                monitor.Apply(rows, row, scores, sink);
                if (sums.Average() >= 1e5)
                {
                    return row + 1;
                }
            }

            return int.MaxValue;
        }
    }

    [Fact]
    public async Task Synthetic_queries_split_over_twenty_accounts_are_seen_together_and_an_office_is_left_alone()
    {
        var options = new SelfSimilarityOptions();
        var kind = new SelfSimilarityKind();
        var random = new Random(8);
        var (inputs, clients) = HonestClients(s_population.Value[..2_000], 20, 80, random, once: true);
        var parameters = await kind.FitAsync(new FitContext(s_model, ReferenceData.Split(Rows(inputs, clients)), options, 5), CancellationToken.None);
        var thief = s_population.Value[4_000..4_050].ToList();
        while (thief.Count < 180)
        {
            thief.Add([.. thief[random.Next(thief.Count)].Select(v => Math.Clamp(v + (random.Next(2) == 0 ? 0.1f : -0.1f), 0, 1))]);
        }

        Assert.InRange(await QueriesToAlarmAsync(thief, options), 52, 120);
        Assert.Equal(int.MaxValue, await QueriesToAlarmAsync(thief, options with { Cohorts = false }));
        Assert.Equal(int.MaxValue, await QueriesToAlarmAsync(s_population.Value[3_000..3_800], options));

        async Task<int> QueriesToAlarmAsync(IReadOnlyList<float[]> queries, SelfSimilarityOptions with)
        {
            var monitor = kind.Create(new MonitorContext("s", s_model, with, parameters.Bytes, 5));
            var sums = new double[monitor.Variables.Count];
            var sink = new Sink { Only = "cohort of addresses one", OnBet = (variable, log) => sums[variable] = (sums[variable] + 1) * Math.Exp(log) };
            var plain = Rows(queries, [.. queries.Select((_, i) => "account-" + (i % 20))]);
            var rows = new RowBatch(
                s_model,
                plain.Inputs.ToArray(),
                [plain.Outputs(0).ToArray(), plain.Outputs(1).ToArray()],
                [.. Enumerable.Range(0, plain.Count).Select(r => plain.Rows[r] with { Event = r })],
                [.. queries.Select(_ => new InferenceEvent { Client = new Client { AddressPrefix = "one" } })]);
            var scores = await monitor.ScoreAsync(rows, CancellationToken.None);
            for (var row = 0; row < rows.Count; row++)
            {
                monitor.Apply(rows, row, scores, sink);
                if (sums.Average() >= 1e5)
                {
                    var details = new FindingDetails();
                    monitor.Describe(new AlarmContext(rows, row, "cohort of addresses one", 0, 20, 10), details);
                    Assert.Equal(20, details.Clients.Count);
                    return row + 1;
                }
            }

            return int.MaxValue;
        }
    }

    [Fact]
    public async Task Self_similarity_survives_a_restart_and_refuses_inputs_that_follow_from_one_another()
    {
        var options = new SelfSimilarityOptions { History = 32 };
        var kind = new SelfSimilarityKind();
        var parameters = await kind.FitAsync(new FitContext(s_model, ReferenceData.Split(Rows(s_population.Value[..500])), options, 5), CancellationToken.None);
        var context = new MonitorContext("s", s_model, options, parameters.Bytes, 5);
        var (first, second) = (kind.Create(context), kind.Create(context));
        var (expected, actual) = (new List<double>(), new List<double>());
        await FeedAsync(first, new Sink { OnBet = (_, _) => { } }, Rows(s_population.Value[3_000..3_050], [.. Enumerable.Repeat("c", 50)]));
        var keys = new List<string>();
        first.State!.TakeDirtyKeys(keys);
        foreach (var key in keys)
        {
            var output = new ArrayBufferWriter<byte>();
            Assert.True(first.State.Save(key, output));
            second.State!.Restore(key, output.WrittenSpan);
        }

        var more = Rows(s_population.Value[3_050..3_100], [.. Enumerable.Repeat("c", 50)]);
        await FeedAsync(first, new Sink { OnBet = (_, log) => expected.Add(log) }, more);
        await FeedAsync(second, new Sink { OnBet = (_, log) => actual.Add(log) }, more);
        Assert.Equal(expected, actual);
        Assert.NotEmpty(expected);

        // Every client's inputs walk away from its first in small steps.
        var random = new Random(1);
        var walks = new List<float[]>();
        var names = new List<string>();
        for (var client = 0; client < 10; client++)
        {
            var at = s_population.Value[client];
            for (var step = 0; step < 60; step++)
            {
                at = [.. at.Select(v => Math.Clamp(v + (0.08f * (random.NextSingle() - 0.5f)), 0, 1))];
                walks.Add(at);
                names.Add("c" + client);
            }
        }

        await Assert.ThrowsAsync<FitException>(async () => await kind.FitAsync(new FitContext(s_model, ReferenceData.Split(Rows(walks, names)), options, 5), CancellationToken.None));
    }

    [Fact]
    public async Task Versions_of_one_input_count_once_and_a_class_is_compared_with_itself()
    {
        var options = new QueryPatternOptions { Neighbours = 1_000 };
        var kind = new QueryPatternKind(_configuration, _scoring, _kernels);
        var parameters = await kind.FitAsync(new FitContext(s_model, ReferenceData.Split(Rows(s_population.Value[..3_000])), options, 5), CancellationToken.None);
        var monitor = kind.Create(new MonitorContext("q", s_model, options, parameters.Bytes, 5));
        var random = new Random(4);
        var inputs = new List<float[]>();
        foreach (var digit in s_population.Value[3_000..3_010])
        {
            inputs.Add(digit);
            inputs.Add([.. digit.Select(v => Math.Clamp((v * 0.97f) + (0.02f * (random.NextSingle() - 0.5f)), 0, 1))]);
            inputs.Add([.. digit.Select(v => Math.Clamp(v + (0.04f * (random.NextSingle() - 0.5f)), 0, 1))]);
        }

        var bets = 0;
        var sink = new Sink { OnBet = (_, _) => bets++ };
        await FeedAsync(monitor, sink, Rows(inputs, [.. inputs.Select(_ => "scanner")]));
        Assert.InRange(sink.Observations.Count(o => o.Subject == "scanner"), 8 * 3, 10 * 3);
        Assert.Equal(sink.Observations.Count * StrangeTails.Powers.Length, bets);

        // Within their class the medians of ones and of eights are alike; plain distances differ by far more than their spread.
        var clean = Rows(s_population.Value[3_000..5_000]);
        var scores = await monitor.ScoreAsync(clean, CancellationToken.None);
        double Median(int predicted) => Enumerable.Range(0, clean.Count).Where(r => clean.PredictedClass(r) == predicted).Select(r => (double)scores.Row(r)[0]).Order().ToArray() is var sorted ? sorted[sorted.Length / 2] : double.NaN;
        Assert.InRange(Math.Abs(Median(1) - Median(8)), 0, 0.6);
    }

    [Fact]
    public async Task Accounts_of_one_cohort_are_watched_together_from_the_second_account_on()
    {
        var options = new QueryPatternOptions { Neighbours = 100 };
        var kind = new QueryPatternKind(_configuration, _scoring, _kernels);
        var reference = ReferenceData.Split(Rows(s_population.Value[..300]));
        var parameters = await kind.FitAsync(new FitContext(s_model, reference, options, 5), CancellationToken.None);
        var monitor = kind.Create(new MonitorContext("q", s_model, options, parameters.Bytes, 5));
        var plain = Rows(s_population.Value[3_000..3_006], ["a", "a", "b", "c", "a", "d"]);
        string[] cohorts = ["one", "one", "one", "one", "one", "other"];
        var rows = new RowBatch(
            s_model,
            plain.Inputs.ToArray(),
            [plain.Outputs(0).ToArray(), plain.Outputs(1).ToArray()],
            [.. Enumerable.Range(0, 6).Select(r => plain.Rows[r] with { Event = r })],
            [.. cohorts.Select(c => new InferenceEvent { Client = new Client { AddressPrefix = c } })]);
        var sink = new Sink { OnBet = (_, _) => { } };
        await FeedAsync(monitor, sink, rows);

        // Three rows of the first cohort come after its second account appeared; the other one has one account only.
        Assert.Equal(3 * monitor.Variables.Count(v => v.Type != VariableType.Bet), sink.Observations.Count(o => o.Subject == "cohort of addresses one"));
        Assert.DoesNotContain(sink.Observations, o => o.Subject == "cohort of addresses other");
        var details = new FindingDetails();
        monitor.Describe(new AlarmContext(rows, 4, "cohort of addresses one", 0, 20, 10), details);
        Assert.Equal(["a", "b", "c"], details.Clients);
        Assert.Contains("3 accounts", details.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Twenty_accounts_without_a_common_address_are_seen_together_by_the_queries_they_share()
    {
        var options = new QueryPatternOptions { Neighbours = 300 };
        var kind = new QueryPatternKind(_configuration, _scoring, _kernels);
        var reference = ReferenceData.Split(Rows(s_population.Value[..600], [.. Enumerable.Range(0, 600).Select(i => "c" + (i % 12))]));
        var parameters = await kind.FitAsync(new FitContext(s_model, reference, options, 5), CancellationToken.None);
        var (monitor, second) = (kind.Create(new MonitorContext("q", s_model, options, parameters.Bytes, 5)), kind.Create(new MonitorContext("q", s_model, options, parameters.Bytes, 5)));
        var judge = await Judge.FitAsync(monitor, reference.Calibration);
        var (queries, accounts) = (new List<float[]>(), new List<string>());
        for (var query = 0; query < 300; query++)
        {
            var image = s_population.Value[3_000 + query].Reverse().ToArray();
            queries.Add(image);
            accounts.Add("account-" + (query % 20));
            if (query % 3 == 0)
            {
                queries.Add(image);
                accounts.Add("account-" + ((query + 1) % 20));
            }
        }

        var rows = Rows(queries, accounts);
        var cohort = SharedQueries.Cohort + " 0";
        Assert.InRange(await judge.QueriesToAlarmAsync(monitor, rows, cohort), 1, 150);
        var details = new FindingDetails();
        monitor.Describe(new AlarmContext(rows, rows.Count - 1, cohort, 0, 20, 10), details);
        Assert.InRange(details.Clients.Count, 2, 20);
        Assert.Contains("together", details.Summary, StringComparison.Ordinal);

        // What a restart finds is what was there.
        var keys = new List<string>();
        monitor.State!.TakeDirtyKeys(keys);
        foreach (var key in keys)
        {
            var output = new ArrayBufferWriter<byte>();
            if (monitor.State.Save(key, output))
            {
                second.State!.Restore(key, output.WrittenSpan);
            }
        }

        var (expected, actual) = (new List<double>(), new List<double>());
        var more = Rows(s_population.Value[4_000..4_020], [.. Enumerable.Range(0, 20).Select(i => "account-" + i)]);
        await FeedAsync(monitor, new Sink { OnBet = (_, log) => expected.Add(log) }, more);
        await FeedAsync(second, new Sink { OnBet = (_, log) => actual.Add(log) }, more);
        Assert.Equal(expected, actual);
        Assert.Equal(2 * 20 * 3 * StrangeTails.Powers.Length, expected.Count);
    }

    [Fact]
    public async Task Those_that_a_copy_is_least_sure_of_are_seen_and_a_hundred_inputs_of_one_class_again_and_again_are_not()
    {
        var options = new QueryPatternOptions { Checkpoints = ["epoch-01.onnx", "epoch-03.onnx", "epoch-08.onnx", "epoch-30.onnx"], Neighbours = 1_000 };
        var kind = new QueryPatternKind(_configuration, _scoring, _kernels);
        var random = new Random(11);
        var (inputs, clients) = HonestClients(s_population.Value[..3_000], 30, 80, random, once: true);
        var reference = ReferenceData.Split(Rows(inputs, clients));
        var parameters = await kind.FitAsync(new FitContext(s_model, reference, options, 5), CancellationToken.None);
        var monitor = kind.Create(new MonitorContext("q", s_model, options, parameters.Bytes, 5));
        var judge = await Judge.FitAsync(monitor, reference.Calibration);

        // A thief with a pool of its own: fifty natural queries, then again and again the twenty-five of three hundred that its copy is least sure of.
        var pool = s_population.Value[3_000..5_500].ToList();
        var (copy, features) = (new RidgeSums(129, 10), new RandomFeatures(Width, 128, 9, 3));
        var asked = new List<float[]>();
        while (asked.Count < 500)
        {
            var weights = asked.Count < 50 ? null : copy.Solve(0.01);
            var offered = Enumerable.Range(0, 300).Select(_ => pool[random.Next(pool.Count)]).Distinct().ToList();
            foreach (var query in weights is null ? offered.Take(50) : offered.OrderBy(o => Margin(weights, o)).Take(25))
            {
                asked.Add(query);
                pool.Remove(query);
            }

            var answers = Run(asked)[0];
            copy = new RidgeSums(129, 10);
            for (var i = 0; i < asked.Count; i++)
            {
                copy.Add(Features(asked[i]), answers.AsSpan(i * 10, 10));
            }
        }

        Assert.InRange(await judge.QueriesToAlarmAsync(monitor, Rows(asked, [.. asked.Select(_ => "thief")]), "thief"), 51, 450);

        // A hundred inputs of one class, each time with another grain.
        var answersOfAll = Run(s_population.Value[3_000..4_500])[0];
        for (var c = 0; c < 10; c += 3)
        {
            var own = Enumerable.Range(0, 1_500).Where(i => System.Numerics.Tensors.TensorPrimitives.IndexOfMax<float>(answersOfAll.AsSpan(i * 10, 10)) == c).Take(100).Select(i => s_population.Value[3_000 + i]).ToArray();
            var sent = Enumerable.Range(0, 1_500).Select(_ => Array.ConvertAll(own[random.Next(own.Length)], v => Math.Clamp(v + (0.02f * (random.NextSingle() - 0.5f)), 0, 1))).ToArray();
            Assert.Equal(int.MaxValue, await judge.QueriesToAlarmAsync(monitor, Rows(sent, [.. sent.Select(_ => "one-" + c)]), "one-" + c));
        }

        double[] Features(float[] input)
        {
            var result = new double[129];
            features.Of(input, result);
            return result;
        }

        double Margin(double[] weights, float[] input)
        {
            var own = Features(input);
            var sorted = Enumerable.Range(0, 10).Select(c => System.Numerics.Tensors.TensorPrimitives.Dot<double>(weights.AsSpan(c * 129, 129), own)).OrderDescending().ToArray();
            return sorted[0] - sorted[1];
        }
    }

    [Fact]
    public async Task State_of_another_form_is_refused_by_name()
    {
        var options = new SelfSimilarityOptions();
        var kind = new SelfSimilarityKind();
        var parameters = await kind.FitAsync(new FitContext(s_model, ReferenceData.Split(Rows(s_population.Value[..500])), options, 5), CancellationToken.None);
        var monitor = kind.Create(new MonitorContext("s", s_model, options, parameters.Bytes, 5));

        // A client's last use, then a form that no build has written.
        var refused = Assert.Throws<InvalidDataException>(() => monitor.State!.Restore("c/one", [1, 77, 0, 0]));
        Assert.Contains("self-similarity in form 77", refused.Message, StringComparison.Ordinal);
        Assert.Contains("query-budget", Assert.Throws<InvalidDataException>(() => new QueryBudgetMonitor(new QueryBudgetOptions(), [], 1).State.Restore("c/client one", [1, 77, 0, 0])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_slow_thief_meets_its_budget_retries_cost_nothing_and_old_queries_expire()
    {
        var monitor = new QueryBudgetMonitor(new QueryBudgetOptions { Queries = 100, Period = TimeSpan.FromDays(2) }, null, 1);
        var sink = new Sink();
        var random = new Random(3);
        var model = s_model with { Schema = ModelSchema.Numeric(2), Outputs = [] };

        // Two a minute, each sent twice.
        for (var query = 0; query < 100; query++)
        {
            var input = new[] { random.NextSingle(), random.NextSingle() };
            Send("slow", input, query * 30L);
            Send("slow", input, query * 30L);
        }

        Assert.Equal([Severity.Change, Severity.Harm], sink.Reports.Select(r => r.Severity));

        // Sixty a period never reach a hundred.
        for (var query = 0; query < 600; query++)
        {
            Send("regular", [random.NextSingle(), query], query * 2 * 86_400L / 60);
        }

        Assert.DoesNotContain(sink.Reports, r => r.Client == "regular");

        void Send(string client, float[] input, long second) =>
            monitor.Apply(new RowBatch(model, input, [], [new RowInfo("e", 1, 1, client, second * 1_000_000_000, second, 0, 0, true)], []), 0, MonitorScores.Empty, sink);
    }

    [Fact]
    public void Twenty_accounts_of_one_cohort_share_a_budget()
    {
        var monitor = new QueryBudgetMonitor(new QueryBudgetOptions { Queries = 100, Cohort = 200 }, null, 1);
        var sink = new Sink();
        var model = s_model with { Schema = ModelSchema.Numeric(1), Outputs = [] };
        for (var query = 0; query < 200; query++)
        {
            var inference = new InferenceEvent { Client = new Client { Id = "a" + (query % 20), AddressPrefix = "sealed/24" } };
            monitor.Apply(new RowBatch(model, [query], [], [new RowInfo("e", 1, 1, "a" + (query % 20), query, query, 0, 0, true)], [inference]), 0, MonitorScores.Empty, sink);
        }

        Assert.Equal(Severity.Harm, sink.Reports[^1].Severity);
        Assert.Contains("cohort", sink.Reports[^1].Summary, StringComparison.Ordinal);
    }

    /// <summary>Clients with class mixes of their own: each prefers a contiguous part of the digits by index modulo its habit.</summary>
    private (float[][] Inputs, string[] Clients) HonestClients(float[][] pool, int count, int queries, Random random, bool once)
    {
        var outputs = Run(pool);
        var classes = Enumerable.Range(0, pool.Length).Select(r => outputs[0].AsSpan(r * 10, 10).IndexOf(outputs[0].AsSpan(r * 10, 10).ToArray().Max())).ToArray();
        // Without replacement where a reference is made: a copy among the neighbours would make every new digit look far.
        var taken = new bool[pool.Length];
        var inputs = new List<float[]>();
        var clients = new List<string>();
        for (var client = 0; client < count; client++)
        {
            var favourites = Enumerable.Range(0, 10).Select(_ => 0.2 + random.NextDouble()).ToArray();
            for (var query = 0; query < queries;)
            {
                var pick = random.Next(pool.Length);
                if (!(once && taken[pick]) && random.NextDouble() < favourites[classes[pick]] / 1.2)
                {
                    taken[pick] = true;
                    inputs.Add(pool[pick]);
                    clients.Add("client-" + client);
                    query++;
                }
            }
        }

        return ([.. inputs], [.. clients]);
    }

    private float[][] Run(IReadOnlyList<float[]> inputs)
    {
        float[] flat = [.. inputs.SelectMany(i => i)];
        return [.. _digits.Run([ScoringTensor.Create("image", flat, inputs.Count, 1, 28, 28)], ["probabilities", "embedding"]).Select(o => o.AsSpan<float>().ToArray())];
    }

    private RowBatch Rows(IReadOnlyList<float[]> inputs, IReadOnlyList<string>? clients = null) =>
        ReferenceData.FromMatrix(s_model, [.. inputs.SelectMany(i => i)], inputs.Count, Run(inputs), clients);

    private static async Task FeedAsync(IMonitor monitor, IObservationSink sink, RowBatch rows)
    {
        var scores = await monitor.ScoreAsync(rows, CancellationToken.None);
        for (var row = 0; row < rows.Count; row++)
        {
            monitor.Apply(rows, row, scores, sink);
        }
    }

    /// <summary>What the runtime does with a client's observations and bets: urns whose concentration fits the spread between clients, one bank per variable, their mean; the mean of the bets; each with half of the budget.</summary>
    private sealed class Judge(IReadOnlyList<(StreamReference Reference, double Concentration)> profile)
    {
        private const double Level = 2e5;

        public static async Task<Judge> FitAsync(IMonitor monitor, RowBatch rows)
        {
            var sink = new Sink { OnBet = (_, _) => { } };
            await FeedAsync(monitor, sink, rows);
            return new Judge([.. Enumerable.Range(0, monitor.Variables.Count(v => v.Type != VariableType.Bet)).Select(v =>
            {
                var observed = sink.Observations.Where(o => o.Variable == v).ToArray();
                var reference = StreamReference.Numeric(Array.ConvertAll(observed, o => o.Value));
                var spread = ClientSpread.Fit(reference, [.. observed.GroupBy(o => o.Subject).Select(g => new ClientSample([.. g.Select(o => o.Value)], []))]);
                return (reference, Math.Min(spread, 50));
            })]);
        }

        public async Task<int> QueriesToAlarmAsync(IMonitor monitor, RowBatch rows, string client)
        {
            var banks = profile.Select(p => new EvidenceBank(p.Reference, new EvidenceOptions { Concentration = p.Concentration })).ToArray();
            var bets = new double[monitor.Variables.Count - banks.Length];
            var sink = new Sink { Only = client, OnBet = (variable, log) => bets[variable - banks.Length] = Math.Exp(log) * (bets[variable - banks.Length] + 1) };
            var scores = await monitor.ScoreAsync(rows, CancellationToken.None);
            for (int row = 0, draws = 0; row < rows.Count; row++)
            {
                sink.Observations.Clear();
                monitor.Apply(rows, row, scores, sink);
                var own = sink.Observations.Where(o => o.Subject == client).ToArray();
                foreach (var (variable, value, _) in own)
                {
                    banks[variable].Update(value, (ulong)row, 0, 1, row);
                }

                draws += own.Length > 0 ? 1 : 0;
                if (banks.Average(b => b.Value) >= Level || bets.Average() >= Level)
                {
                    return draws;
                }
            }

            return int.MaxValue;
        }
    }

    private sealed class Sink : IObservationSink
    {
        public List<CertainFinding> Reports { get; } = [];

        public List<(int Variable, double Value, string Subject)> Observations { get; } = [];

        public void Observe(int variable, double value, string subject = "") => Observations.Add((variable, value, subject));

        public Action<int, double>? OnBet { get; init; }

        /// <summary>Whose bets count; null for everybody's.</summary>
        public string? Only { get; init; }

        public void Bet(int variable, double logIncrement, string subject = "")
        {
            if (Only is null || Only == subject)
            {
                (OnBet ?? throw new InvalidOperationException("no bet expected"))(variable, logIncrement);
            }
        }

        public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "") => throw new InvalidOperationException("no evidence expected");

        public void Report(CertainFinding finding) => Reports.Add(finding);
    }
}
