using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>Clean traffic of kinds that the reference has none of, one kind at a time.</summary>
internal static class UnseenClean
{
    private const int Side = 28;
    private static readonly string[] s_kinds = ["query-similarity", "off-manifold", "query-pattern", "self-similarity"];

    public static async IAsyncEnumerable<UnseenCleanResult> RunAsync(Digits digits, int queries, double level, bool tuning, IReadOnlyList<string> only)
    {
        foreach (var (name, make) in Kinds())
        {
            if (only.Count > 0 && !only.Contains(name))
            {
                continue;
            }

            var random = new Random(tuning ? 901 : 902);
            var rows = tuning ? Enumerable.Range(3_000, 1_000) : Enumerable.Range(4_000, 1_000);
            var traffic = make([.. rows.Select(r => digits.Inputs[r])], [.. rows.Select(r => digits.Labels[r])], random).Take(queries).ToArray();
            var (alarms, first) = (new SortedDictionary<string, int>(StringComparer.Ordinal), new SortedDictionary<string, int>(StringComparer.Ordinal));
            foreach (var kind in s_kinds)
            {
                var sink = digits.Create(kind, level).Sink;
                for (var start = 0; start < traffic.Length; start += 500)
                {
                    var part = traffic.Skip(start).Take(500).ToArray();
                    await sink.FeedAsync(digits.Rows([.. part.Select(p => p.Input)], [.. part.Select(p => p.Client)], start, outputs: kind != "query-similarity")).ConfigureAwait(false);
                }

                alarms[kind] = sink.Alarms.Count;
                if (sink.Alarms.Count > 0)
                {
                    first[kind] = sink.Alarms[0].Row;
                }
            }

            yield return new UnseenCleanResult(name, traffic.Select(t => t.Client).Distinct(StringComparer.Ordinal).Count(), traffic.Length, alarms, first);
        }

        foreach (var flight in await FlightRuns.CleanAsync(digits.Demo, queries, level, tuning).ConfigureAwait(false))
        {
            if (only.Count == 0 || only.Contains(flight.Name))
            {
                yield return flight;
            }
        }
    }

    private static IEnumerable<(string Name, Func<float[][], int[], Random, IEnumerable<(string Client, float[] Input)>> Make)> Kinds()
    {
        yield return ("control: clients of all habits as in the reference", (inputs, labels, random) => new CleanClients(inputs, random.Next(), 1, Side, labels, renew: true) is var clients ? Forever(() => clients.Next() is var (client, asked) ? asked.Select(q => (client, q)) : []) : []);
        yield return ("one camera: 200 frames of a scene", (inputs, _, random) => Camera(inputs, random, 200));
        yield return ("one camera: 8 frames of a scene", (inputs, _, random) => Camera(inputs, random, 8));
        yield return ("every image in three encodings", (inputs, _, random) => ByClient(10, random, c => Fresh(inputs, random) is var image ? [image, Masks.Bytes(image, random), Masks.Compressed(image, random)] : []));
        yield return ("every image in four crops", (inputs, _, random) => ByClient(10, random, c => Fresh(inputs, random) is var image ? [.. Enumerable.Range(0, 4).Select(_ => CleanClients.Transform(image, Side, 0, Draw(random, 2), Draw(random, 2)))] : []));
        yield return ("batches of 100 sent as they are and with less contrast and brighter", (inputs, _, random) => ByClient(3, random, c =>
        {
            var batch = Enumerable.Range(0, 100).Select(_ => Fresh(inputs, random)).ToArray();
            return [.. batch, .. batch.Select(b => Array.ConvertAll(b, v => v * 0.8f)), .. batch.Select(b => Array.ConvertAll(b, v => 0.1f + (0.9f * v)))];
        }));
        yield return ("another scanner: paper is not white", (inputs, _, random) => ByClient(10, random, _ => random.NextSingle() is var light ? [Array.ConvertAll(Fresh(inputs, random), v => Math.Max(v, 0.08f + (0.08f * light)))] : []));
        yield return ("load tester: one image again and again", (inputs, _, random) => ByClient(1, random, _ => [inputs[0]]));
        yield return ("load tester: one image with a running number in a pixel", (inputs, _, random) => Numbered(inputs[0]));
        yield return ("paging a set sorted by class", (inputs, labels, random) => ByClient(3, random, c => [.. inputs.Zip(labels).OrderBy(p => p.Second).Select(p => CleanClients.Deform(p.First, Side, random, 0.5, 0.7))]));
        yield return ("blank sheets: a few faint specks", (_, _, random) => ByClient(10, random, _ => [Specks(random)]));
        yield return ("one in twenty sheets blank", (inputs, _, random) => ByClient(10, random, _ => [random.Next(20) == 0 ? Specks(random) : Fresh(inputs, random)]));
        yield return ("binarised images", (inputs, _, random) => ByClient(10, random, _ => [Array.ConvertAll(Fresh(inputs, random), v => v > 0.5f ? 1f : 0f)]));
        yield return ("sixteen grey levels", (inputs, _, random) => ByClient(10, random, _ => [Array.ConvertAll(Fresh(inputs, random), v => MathF.Round(v * 15) / 15)]));
        yield return ("a new client id with every request", (inputs, _, random) => Enumerable.Range(0, int.MaxValue).Select(i => ("session-" + i, Fresh(inputs, random))));
        yield return ("all habits behind one id", (inputs, labels, random) => new CleanClients(inputs, random.Next(), 10, Side, labels, renew: true) is var clients ? Forever(() => clients.Next().Queries.Select(q => ("gateway", q))) : []);
        yield return ("smoke test: the same twenty images under a new id every run", (inputs, _, random) => Enumerable.Range(0, int.MaxValue).SelectMany(run => inputs.Take(20).Select(i => ("build-" + run, i))));
        yield return ("smoke test: zeros and ones and one digit", (inputs, _, random) => ByClient(1, random, _ => [new float[Side * Side], [.. Enumerable.Repeat(1f, Side * Side)], inputs[0]]));
    }

    /// <summary>Frames of one scene: it turns, moves and dims slowly, with noise of the sensor.</summary>
    private static IEnumerable<(string Client, float[] Input)> Camera(float[][] inputs, Random random, int frames)
    {
        for (var scene = 0; ; scene++)
        {
            var image = Fresh(inputs, random);
            var phase = random.NextDouble() * 6;
            for (var frame = 0; frame < frames; frame++)
            {
                var at = phase + (frame * 0.02);
                var brightness = (float)(1 + (0.1 * Math.Sin(at / 3)));
                var moved = CleanClients.Transform(image, Side, 5 * Math.Sin(at), Math.Cos(at), Math.Sin(at * 0.7));
                yield return ("camera", Array.ConvertAll(moved, v => Math.Clamp((v * brightness) + ((random.NextSingle() - 0.5f) * 0.02f), 0, 1)));
            }
        }
    }

    private static IEnumerable<(string Client, float[] Input)> Numbered(float[] image)
    {
        for (var number = 0; ; number++)
        {
            var changed = (float[])image.Clone();
            (changed[0], changed[1]) = (number % 256 / 255f, number / 256 % 256 / 255f);
            yield return ("tester", changed);
        }
    }

    private static float[] Specks(Random random)
    {
        var sheet = new float[Side * Side];
        for (var speck = random.Next(1, 6); speck > 0; speck--)
        {
            sheet[random.Next(sheet.Length)] = 0.3f + (0.7f * random.NextSingle());
        }

        return sheet;
    }

    private static float[] Fresh(float[][] inputs, Random random) => CleanClients.Deform(inputs[random.Next(inputs.Length)], Side, random, 0.5, 0.7);

    private static double Draw(Random random, double most) => most * ((2 * random.NextDouble()) - 1);

    private static IEnumerable<(string Client, float[] Input)> ByClient(int clients, Random random, Func<int, IReadOnlyList<float[]>> next) =>
        Forever(() => random.Next(clients) is var client ? next(client).Select(q => ("client-" + client, q)) : []);

    private static IEnumerable<T> Forever<T>(Func<IEnumerable<T>> next)
    {
        while (true)
        {
            foreach (var one in next())
            {
                yield return one;
            }
        }
    }
}
