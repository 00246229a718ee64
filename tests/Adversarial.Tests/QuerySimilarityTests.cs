using Monitoring.Detection;

namespace Monitoring.Adversarial.Tests;

/// <summary>
/// Real digits: the profile is rows 0 to 2,999 of the demo's population, clean traffic rows 3,000 to 5,999 and deformed copies; the attacks in Traces were
/// recorded against the served model without any monitor (suite <c>detection-traces</c>).
/// </summary>
public sealed class QuerySimilarityTests
{
    private static readonly double s_level = Math.Log(1e5);

    private static readonly Lazy<(QuerySimilarityParameters Parameters, FitContext Fit)> s_profile = new(() =>
    {
        var fit = new FitContext(Digits.Model, ReferenceData.Split(Digits.Rows(Digits.Population()[..3_000])), new QuerySimilarityOptions(), 7);
        return (QuerySimilarityFit.Fit(fit, new QuerySimilarityOptions(), FingerprintKey.FromSeed(7)), fit);
    });

    [Theory]
    [InlineData("nes", 18)]
    [InlineData("simba-dct", 18)]
    [InlineData("simba-pixel", 29)]
    [InlineData("hopskipjump", 37)]
    [InlineData("boundary", 37)]
    public void Recorded_attacks_alarm_in_time_from_one_account_from_twenty_and_at_one_percent_of_traffic(string attack, int limit)
    {
        var clean = Digits.Population()[3_000..];
        foreach (var (_, queries) in Digits.Traces().Where(t => t.Attack == attack))
        {
            Assert.InRange(QueriesToAlarm(queries, _ => "one", []), 1, limit);
            Assert.InRange(QueriesToAlarm(queries, q => "account-" + (q % 20), []), 1, limit);
            Assert.InRange(QueriesToAlarm(queries, _ => "one", clean), 1, limit);
        }
    }

    [Theory]
    [InlineData("bandits-td", 30)]
    [InlineData("signhunter", 25)]
    [InlineData("sign-opt", 30)]
    [InlineData("genattack", 48)]
    public void Recorded_attacks_that_nothing_was_chosen_beside_alarm_from_one_account_and_from_twenty(string attack, int limit)
    {
        var traces = Digits.Traces("unseen").Where(t => t.Attack == attack).ToArray();
        Assert.Equal(2, traces.Length);
        foreach (var (_, queries) in traces)
        {
            Assert.InRange(QueriesToAlarm(queries, _ => "one", []), 1, limit);
            Assert.InRange(QueriesToAlarm(queries, q => "account-" + (q % 20), []), 1, limit);
        }
    }

    [Fact]
    public void Parameters_survive_their_bytes_and_are_the_documented_ones()
    {
        var parameters = s_profile.Value.Parameters;
        var again = QuerySimilarityParameters.FromBytes(parameters.ToBytes().Span);

        Assert.Equal(parameters.ToBytes().ToArray(), again.ToBytes().ToArray());
        Assert.Equal((14, 3, 50.0, 10, 0.5), (again.Cells, again.Patch, again.Step, again.Threshold, again.Growth));
        Assert.True(again.Frequent.Count > 500, $"{again.Frequent.Count} frequent hashes");
    }

    [Fact]
    public void Clean_traffic_with_retries_and_augmented_copies_never_alarms()
    {
        var random = new Random(11);
        var population = Digits.Population();
        var (monitor, sink) = Create();
        var stream = new List<float[]>();
        var clients = new List<string>();
        for (var item = 0; item < 12_000; item++)
        {
            var digit = population[3_000 + random.Next(3_000)];
            digit = item < 3_000 ? digit : Digits.Deform(digit, random);
            var client = "client-" + random.Next(50);
            Send(digit);
            if (random.NextDouble() < 0.1)
            {
                Send(digit);
            }

            for (var copies = random.NextDouble() < 0.05 ? random.Next(1, 4) : 0; copies > 0; copies--)
            {
                Send(Digits.Augment(digit, random));
            }

            void Send(float[] input)
            {
                stream.Add(input);
                clients.Add(client);
            }
        }

        Feed(monitor, sink, stream, clients);

        Assert.True(monitor.Index.Repeats > 1_000, $"{monitor.Index.Repeats} retries");
        Assert.True(monitor.Index.Links > 500, $"{monitor.Index.Links} augmented copies were linked");
        Assert.True(sink.Greatest < s_level, $"a clean lineage reached e^{sink.Greatest:F1}");
    }

    [Fact]
    public void Drawings_on_paper_of_another_grey_than_the_profile_s_are_strangers()
    {
        // Patches of plain paper are alike on every sheet of one scanner. Digits 3,000 to 3,999, forty greys; the form without blank sheets alarmed on three in five such clients.
        var population = Digits.Population();
        var (monitor, sink) = Create();
        var sheets = Enumerable.Range(3_000, 1_000).Select(i => Array.ConvertAll(population[i], v => Math.Max(v, 0.08f + (0.002f * (i % 40))))).ToArray();
        Feed(monitor, sink, sheets, [.. sheets.Select((_, i) => "scanner-" + (i % 10))]);

        Assert.True(monitor.Index.Links <= 10, $"{monitor.Index.Links} links among 1,000 strangers");
        Assert.True(sink.Greatest < s_level / 2, $"strangers reached e^{sink.Greatest:F1}");
    }

    [Fact]
    public void Exact_repeats_alone_are_no_evidence()
    {
        var (monitor, sink) = Create();
        var digit = Digits.Population()[4_000];
        Feed(monitor, sink, [.. Enumerable.Repeat(digit, 5_000)], [.. Enumerable.Repeat("retry-loop", 5_000)]);

        Assert.Empty(sink.Absolute);
        Assert.Equal(4_999, monitor.Index.Repeats);
    }

    [Fact]
    public void Findings_name_the_accounts_and_the_queries()
    {
        var (monitor, sink) = Create();
        var queries = Digits.Traces().First(t => t.Attack == "nes").Queries;
        Feed(monitor, sink, queries, [.. Enumerable.Range(0, queries.Length).Select(q => q % 3 == 0 ? "mallory" : "trent")]);
        var details = new FindingDetails();
        monitor.Describe(new AlarmContext(Digits.Rows(queries), queries.Length - 1, sink.Absolute.MaxBy(e => e.Value).Key, -1, 20, 10), details);

        Assert.Equal(["trent", "mallory"], details.Clients);
        Assert.InRange(details.SampleEventIds.Count, 10, 16);
        Assert.True(details.Measures["near-copies"] > 18);
    }

    [Fact]
    public void A_video_like_profile_is_refused()
    {
        // Every clip shows one digit with a little noise, frame after frame.
        var random = new Random(2);
        var population = Digits.Population();
        var frames = Enumerable.Range(0, 2_000).Select(f => Digits.Augment(population[f / 100], random)).ToArray();

        var error = Assert.Throws<FitException>(() => QuerySimilarityFit.Fit(
            new FitContext(Digits.Model, ReferenceData.Split(Digits.Rows(frames)), new QuerySimilarityOptions(), 7), new QuerySimilarityOptions { FrequentShare = 0.1 }, FingerprintKey.FromSeed(7)));
        Assert.Contains("video", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(10, false)]
    [InlineData(30, true)]
    public void Rows_with_few_or_repeated_columns_are_refused(int width, bool copies)
    {
        var random = new Random(4);
        var rows = Enumerable.Range(0, 1_500).Select(_ =>
        {
            var one = random.NextSingle();
            return Enumerable.Range(0, width).Select(_ => copies ? one + (0.1f * random.NextSingle()) : random.NextSingle()).ToArray();
        }).ToArray();
        var model = Digits.Model with { Schema = ModelSchema.Numeric(width) };

        var error = Assert.Throws<FitException>(() => QuerySimilarityFit.Fit(
            new FitContext(model, ReferenceData.Split(Digits.Rows(rows, model: model)), new QuerySimilarityOptions(), 7), new QuerySimilarityOptions(), FingerprintKey.FromSeed(7)));
        Assert.Contains("about 15", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("small", 14, 14, 1)]
    [InlineData("large", 56, 56, 1)]
    [InlineData("cropped", 24, 28, 1)]
    [InlineData("colour", 28, 28, 3)]
    [InlineData("bytes", 28, 28, 1)]
    public void Other_images_link_noisy_copies_and_leave_strangers_alone(string how, int height, int width, int channels)
    {
        var random = new Random(8);
        var layout = new ImageLayout(height, width, channels, ChannelsFirst: false, 0, how == "bytes" ? 255 : 1);
        var model = Digits.Model with { Schema = ModelSchema.ForImage("image", layout) };
        var options = new QuerySimilarityOptions { Remember = 4_000 };
        var key = FingerprintKey.FromSeed(7);
        var parameters = QuerySimilarityFit.Fit(new FitContext(model, ReferenceData.Split(Digits.Rows(Images(0, 3_000), model: model)), options, 7), options, key);
        var monitor = new QuerySimilarityMonitor(model, options, QuerySimilarityParameters.FromBytes(parameters.ToBytes().Span), key);
        var sink = new CollectingSink(monitor);
        Feed(monitor, sink, Images(3_000, 2_900), null, model);
        // Two colours and a digit are alike now and then; pairs are no lineage.
        Assert.True(monitor.Index.Links <= 29, $"{monitor.Index.Links} links among 2,900 strangers");
        Assert.True(sink.Greatest < s_level / 2, $"strangers reached e^{sink.Greatest:F1}");

        var victim = Images(5_950, 1)[0];
        Feed(monitor, sink, [.. Enumerable.Range(0, 40).Select(_ => Array.ConvertAll(victim, v => Math.Clamp(v + (0.01f * layout.Maximum * Normal()), 0, layout.Maximum)))], null, model);
        Assert.True(sink.Greatest > s_level, $"forty noisy copies reached e^{sink.Greatest:F1}");

        float[][] Images(int first, int count) => [.. Enumerable.Range(first, count).Select(i => Image(Digits.Population()[i]))];

        float[] Image(float[] digit)
        {
            // Colour: ink and paper of every image's own.
            var tints = Enumerable.Range(0, 2 * channels).Select(_ => channels == 1 ? 0f : random.NextSingle()).ToArray();
            var image = new float[height * width * channels];
            for (var i = 0; i < height * width; i++)
            {
                var (y, x) = (i / width, i % width);
                var ink = how switch
                {
                    "small" => (digit[(2 * y * 28) + (2 * x)] + digit[(2 * y * 28) + (2 * x) + 1] + digit[(((2 * y) + 1) * 28) + (2 * x)] + digit[(((2 * y) + 1) * 28) + (2 * x) + 1]) / 4,
                    "large" => digit[((y / 2) * 28) + (x / 2)],
                    "cropped" => digit[((y + 2) * 28) + x],
                    _ => digit[i],
                };
                for (var c = 0; c < channels; c++)
                {
                    image[(i * channels) + c] = channels == 1 ? ink * layout.Maximum : (ink * tints[c]) + ((1 - ink) * tints[channels + c]);
                }
            }

            return image;
        }

        float Normal() => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
    }

    [Theory]
    [InlineData(0.1307, 0.3081, "state the layout's minimum and maximum")]
    [InlineData(0, 255, "state the layout's minimum and maximum")]
    public void Values_that_are_not_what_the_schema_says_are_refused(double mean, double scale, string remedy)
    {
        var images = Digits.Population()[..1_500].Select(d => Array.ConvertAll(d, v => (float)((v - mean) / scale))).ToArray();
        var error = Assert.Throws<FitException>(() => QuerySimilarityFit.Fit(
            new FitContext(Digits.Model, ReferenceData.Split(Digits.Rows(images)), new QuerySimilarityOptions(), 7), new QuerySimilarityOptions(), FingerprintKey.FromSeed(7)));
        Assert.Contains(remedy, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Images_of_which_nearly_all_is_alike_are_refused()
    {
        // One photograph, a dot in one of sixteen places.
        var random = new Random(3);
        var background = Enumerable.Range(0, Digits.Width).Select(_ => random.NextSingle()).ToArray();
        var images = Enumerable.Range(0, 1_500).Select(i =>
        {
            var image = (float[])background.Clone();
            image[((random.Next(16) * 7) + 3) * 7] = random.NextSingle();
            return image;
        }).ToArray();
        Assert.Throws<FitException>(() => QuerySimilarityFit.Fit(
            new FitContext(Digits.Model, ReferenceData.Split(Digits.Rows(images)), new QuerySimilarityOptions(), 7), new QuerySimilarityOptions(), FingerprintKey.FromSeed(7)));
    }

    [Fact]
    public void Clients_who_send_every_input_in_three_versions_are_no_reason_to_refuse()
    {
        var random = new Random(3);
        var population = Digits.Population();
        var rows = Enumerable.Range(0, 1_000).SelectMany(i => new[] { population[i], Digits.Augment(population[i], random), Digits.Augment(population[i], random) }).Concat(population[1_000..3_000]).ToArray();
        random.Shuffle(rows);
        var fitted = QuerySimilarityFit.Fit(new FitContext(Digits.Model, ReferenceData.Split(Digits.Rows(rows)), new QuerySimilarityOptions(), 7), new QuerySimilarityOptions(), FingerprintKey.FromSeed(7));

        Assert.InRange(fitted.Growth, 0.5, 0.7);
    }

    [Fact]
    public void Rows_of_thirty_columns_link_noisy_copies_and_leave_strangers_alone()
    {
        var random = new Random(6);
        var model = Digits.Model with { Schema = ModelSchema.Numeric(30) };
        var options = new QuerySimilarityOptions { Remember = 5_000 };
        var key = FingerprintKey.FromSeed(7);
        var parameters = QuerySimilarityFit.Fit(new FitContext(model, ReferenceData.Split(Digits.Rows(Draw(3_000), model: model)), options, 7), options, key);
        var monitor = new QuerySimilarityMonitor(model, options, QuerySimilarityParameters.FromBytes(parameters.ToBytes().Span), key);
        var sink = new CollectingSink(monitor);
        Feed(monitor, sink, Draw(5_000), null, model);
        Assert.True(monitor.Index.Links <= 1, $"{monitor.Index.Links} links among strangers");

        var victim = Draw(1)[0];
        Feed(monitor, sink, [.. Enumerable.Range(0, 30).Select(_ => Array.ConvertAll(victim, v => v + (0.03f * Normal())))], null, model);
        Assert.True(sink.Greatest > s_level, $"thirty noisy copies reached e^{sink.Greatest:F1}");

        float Normal() => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        float[][] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, 30).Select(_ => Normal()).ToArray())];
    }

    [Fact]
    public void Colour_images_link_noisy_copies()
    {
        var random = new Random(8);
        var model = Digits.Model with { Schema = ModelSchema.ForImage("photo", new ImageLayout(32, 32, 3, ChannelsFirst: true)) };
        var options = new QuerySimilarityOptions { Remember = 2_000 };
        var key = FingerprintKey.FromSeed(7);
        var parameters = QuerySimilarityFit.Fit(new FitContext(model, ReferenceData.Split(Digits.Rows(Photos(1_500), model: model)), options, 7), options, key);
        var monitor = new QuerySimilarityMonitor(model, options, parameters, key);
        var sink = new CollectingSink(monitor);
        Feed(monitor, sink, Photos(1_000), null, model);
        Assert.Equal(0, monitor.Index.Links);

        var victim = Photos(1)[0];
        Feed(monitor, sink, [.. Enumerable.Range(0, 20).Select(_ => Array.ConvertAll(victim, v => Math.Clamp(v + (0.05f * (random.NextSingle() - 0.5f)), 0, 1)))], null, model);
        Assert.True(sink.Greatest > s_level, $"twenty noisy copies reached e^{sink.Greatest:F1}");

        // Smooth random textures: a few waves per channel.
        float[][] Photos(int count) => [.. Enumerable.Range(0, count).Select(_ =>
        {
            var photo = new float[3 * 32 * 32];
            for (var c = 0; c < 3; c++)
            {
                var waves = Enumerable.Range(0, 4).Select(_ => (X: random.NextDouble(), Y: random.NextDouble(), P: random.NextDouble() * 7)).ToArray();
                for (var i = 0; i < 1024; i++)
                {
                    photo[(c * 1024) + i] = (float)(0.5 + (waves.Sum(w => Math.Sin((w.X * (i % 32)) + (w.Y * (i / 32)) + w.P)) / 8));
                }
            }

            return photo;
        })];
    }

    [Fact]
    public void Broken_values_neither_crash_nor_link()
    {
        var (monitor, sink) = Create();
        var random = new Random(9);
        var broken = Enumerable.Range(0, 50).Select(_ => Enumerable.Range(0, Digits.Width).Select(_ => random.Next(4) switch
        {
            0 => float.NaN,
            1 => float.PositiveInfinity,
            2 => float.MinValue,
            _ => random.NextSingle(),
        }).ToArray()).ToArray();
        Feed(monitor, sink, broken, null);

        Assert.True(sink.Greatest < s_level);
    }

    [Fact]
    public void Another_key_is_refused_by_a_fitted_profile() =>
        Assert.Throws<InvalidDataException>(() => new QuerySimilarityMonitor(Digits.Model, new QuerySimilarityOptions(), s_profile.Value.Parameters, FingerprintKey.FromSeed(8)));

    private static (QuerySimilarityMonitor Monitor, CollectingSink Sink) Create()
    {
        var monitor = new QuerySimilarityMonitor(Digits.Model, new QuerySimilarityOptions { Remember = 4_000 }, s_profile.Value.Parameters, FingerprintKey.FromSeed(7));
        return (monitor, new CollectingSink(monitor));
    }

    /// <summary>Attack queries until the level of one false alarm per 10⁵ fresh queries; int.MaxValue without alarm.</summary>
    private static int QueriesToAlarm(float[][] queries, Func<int, string> client, float[][] cleanBetween)
    {
        var (monitor, sink) = Create();
        var next = 0;
        for (var q = 0; q < queries.Length; q++)
        {
            Feed(monitor, sink, [queries[q]], [client(q)]);
            if (sink.Greatest >= s_level)
            {
                return q + 1;
            }

            if (cleanBetween.Length > 0)
            {
                var between = Enumerable.Range(next, 99).Select(i => cleanBetween[i % cleanBetween.Length]).ToArray();
                next += 99;
                Feed(monitor, sink, between, [.. between.Select((_, i) => "clean-" + (i % 20))]);
            }
        }

        return int.MaxValue;
    }

    private static void Feed(IMonitor monitor, IObservationSink sink, IReadOnlyList<float[]> inputs, IReadOnlyList<string>? clients, ModelDescription? model = null)
    {
        var rows = Digits.Rows(inputs, clients, model);
        var scores = monitor.ScoreAsync(rows, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        for (var row = 0; row < rows.Count; row++)
        {
            monitor.Apply(rows, row, scores, sink);
        }
    }
}
