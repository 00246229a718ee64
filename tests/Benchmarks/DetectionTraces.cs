using System.IO.Compression;
using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks;

/// <summary>
/// Suite <c>detection-traces</c>: writes the fixed attack traces that decide regressions in <c>tests/Adversarial.Tests/Traces</c>; with <c>--set unseen</c> those of attacks that nothing was chosen beside, on other victims.
/// </summary>
internal static class DetectionTraces
{
    private const int Kept = 60;
    private const int Victims = 3;
    private const int Budget = 2_000;
    private const int UnseenKept = 48;
    private const int UnseenVictims = 2;

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var demo = DemoDigits.Open();
        using var model = new OnnxClassifier(demo.Path("digits.onnx"));
        var (population, rows, width) = NumpyFile.Read(demo.Path("digits-population.X.npy"));
        var inputs = Enumerable.Range(0, rows).Select(r => population.AsSpan(r * width, width).ToArray()).ToArray();
        var others = inputs[4_000..4_200];
        var summary = new List<object>();
        if (arguments["set", "known"] == "unseen")
        {
            return await UnseenAsync(demo, model, inputs, others).ConfigureAwait(false);
        }

        var path = Path.Combine(demo.Repository, "tests", "Adversarial.Tests", "Traces", "evasion.bin.gz");
        await using var file = File.Create(path);
        await using var zip = new GZipStream(file, CompressionLevel.SmallestSize);
        await using var writer = new BinaryWriter(zip);
        foreach (var attack in EvasionAttacks.All.Where(a => a.Name is "nes" or "simba-pixel" or "simba-dct" or "boundary" or "hopskipjump" or "square"))
        {
            // Attacks that succeed before any sequential monitor can decide are reported, not kept.
            var kept = 0;
            var found = new List<float[]>();
            for (var victim = 0; victim < 20; victim++)
            {
                var input = inputs[5_000 + victim];
                var label = Vectors.ArgMax(model.Probabilities(input, 1));
                var recording = await EvasionRecording.RunAsync(attack, (x, n) => ValueTask.FromResult(model.Probabilities(x, n)), 10, input, label, others, Budget, victim).ConfigureAwait(false);
                var queries = recording.Queries.Take(Kept).ToArray();
                if (recording.Found is { } adversarial)
                {
                    found.Add(adversarial);
                }

                if (queries.Length == Kept && kept < Victims)
                {
                    kept++;
                    Write(writer, recording.Attack, queries);
                }

                summary.Add(new { recording.Attack, Victim = 5_000 + victim, recording.SucceededAt });
                Console.WriteLine($"{recording.Attack} victim {5_000 + victim}: success at {recording.SucceededAt?.ToString() ?? "-"}, L2 {recording.Distance:F2}");
            }

            Write(writer, "adversarial:" + attack.Name, found);
        }

        return summary;
    }

    private static async Task<object> UnseenAsync(DemoDigits demo, OnnxClassifier model, float[][] inputs, float[][] others)
    {
        var summary = new List<object>();
        await using var file = File.Create(Path.Combine(demo.Repository, "tests", "Adversarial.Tests", "Traces", "unseen.bin.gz"));
        await using var zip = new GZipStream(file, CompressionLevel.SmallestSize);
        await using var writer = new BinaryWriter(zip);
        foreach (var attack in EvasionAttacks.Unseen.Where(a => a.Name is "bandits-td" or "signhunter" or "genattack" or "rays" or "sign-opt"))
        {
            var kept = 0;
            for (var victim = 5_020; kept < UnseenVictims && victim < 5_057; victim++)
            {
                var label = Vectors.ArgMax(model.Probabilities(inputs[victim], 1));
                var recording = await EvasionRecording.RunAsync(attack, (x, n) => ValueTask.FromResult(model.Probabilities(x, n)), 10, inputs[victim], label, others, 600, victim).ConfigureAwait(false);
                if (recording.Queries.Count >= UnseenKept)
                {
                    kept++;
                    Write(writer, attack.Name, [.. recording.Queries.Take(UnseenKept)]);
                    summary.Add(new { recording.Attack, Victim = victim, recording.SucceededAt });
                }
            }
        }

        return summary;
    }

    private static void Write(BinaryWriter writer, string name, IReadOnlyList<float[]> inputs)
    {
        writer.Write(name);
        writer.Write(inputs.Count);
        foreach (var value in inputs.SelectMany(q => q))
        {
            writer.Write((Half)value);
        }
    }
}
