using System.Globalization;
using Monitoring.Benchmarks.Budget;
using Monitoring.Detection;
using Monitoring.Hosting;
using Monitoring.Hosting.Tables;
using Monitoring.Scoring;

namespace Monitoring.Benchmarks.Power;

/// <summary>One population, its changes, and how kinds look at it. Reference and clean stream are draws of the same population.</summary>
internal sealed record PowerData(string Name, string Note, ModelDescription Model)
{
    /// <summary>Clean rows by seed: a reference.</summary>
    public required Func<int, RowBatch> Reference { get; init; }

    /// <summary>Clean rows by seed and number.</summary>
    public required Func<int, int, RowBatch> Clean { get; init; }

    /// <summary>Rows before the change.</summary>
    public required int Calm { get; init; }

    /// <summary>Clean rows that count false alarms.</summary>
    public required int Stationary { get; init; }

    public required IReadOnlyList<(string Name, Func<int, RowBatch> Rows)> Changes { get; init; }

    /// <summary>Options of a kind here, beyond its defaults.</summary>
    public required Func<string, Dictionary<string, string>> Options { get; init; }

    public static PowerData Gaussian()
    {
        const int Width = 10, Changed = 5_000;
        var model = new ModelDescription { Name = "gaussian", Version = "1", Schema = ModelSchema.Numeric(Width) };
        RowBatch Rows(int seed, int rows, Func<double, double> first)
        {
            var random = new Random(seed);
            var values = new float[rows * Width];
            for (var i = 0; i < values.Length; i++)
            {
                var normal = Simulation.Gaussian(random);
                values[i] = (float)(i % Width == 0 ? first(normal) : normal);
            }

            return ReferenceData.FromMatrix(model, values, rows);
        }

        return new PowerData("Gaussian", "10 independent columns, one of which changes; 5,000 reference rows; change after 500 rows, followed for 5,000.", model)
        {
            Reference = seed => Rows(seed, 5_000, x => x),
            Clean = (seed, rows) => Rows(seed, rows, x => x),
            Calm = 500,
            Stationary = 10_000,
            Changes =
            [
                ("0.25σ", seed => Rows(seed, Changed, x => x + 0.25)),
                ("0.5σ", seed => Rows(seed, Changed, x => x + 0.5)),
                ("1σ", seed => Rows(seed, Changed, x => x + 1)),
                ("scale × 1.5", seed => Rows(seed, Changed, x => x * 1.5)),
            ],
            Options = kind => OptionsOf(kind, ""),
        };
    }

    public static PowerData Digits(ScoringRuntime runtime)
    {
        const int Changed = 2_500;
        var demo = DemoDigits.Open();
        var file = runtime.LoadFile("digits", demo.Path("digits.onnx"));
        var digits = new Digits((_, rows) => new float[rows * 10]);
        var model = new ModelDescription
        {
            Name = "digits",
            Version = "1",
            Schema = ModelSchema.ForImage("image", new ImageLayout(Budget.Digits.Side, Budget.Digits.Side)),
            Outputs = [new OutputTensor("probabilities", 10, OutputRole.Probabilities), new OutputTensor("embedding", 64, OutputRole.Embedding)],
        };
        RowBatch Served(IEnumerable<float[]> images)
        {
            float[] pixels = [.. images.SelectMany(i => i)];
            var rows = pixels.Length / Budget.Digits.Pixels;
            float[] probabilities = new float[rows * 10], embedding = new float[rows * 64];
            for (var first = 0; first < rows; first += 256)
            {
                var count = Math.Min(256, rows - first);
                var outputs = file.Run(
                    [ScoringTensor.Create<float>("image", pixels.AsMemory(first * Budget.Digits.Pixels, count * Budget.Digits.Pixels), count, 1, Budget.Digits.Side, Budget.Digits.Side)],
                    ["probabilities", "embedding"]);
                outputs[0].AsSpan<float>().CopyTo(probabilities.AsSpan(first * 10));
                outputs[1].AsSpan<float>().CopyTo(embedding.AsSpan(first * 64));
            }

            return ReferenceData.FromMatrix(model, pixels, rows, [probabilities, embedding]);
        }

        Func<int, RowBatch> Change(double degrees = 0, double contrast = 1, double noise = 0, double shareOfThrees = 0) =>
            seed => Served(digits.Images(new Random(seed), Changed, degrees, contrast, noise, 0, shareOfThrees));
        return new PowerData(
            "Digits",
            "Unseen digits, resampled (each turned by N(0, 2°) and moved by up to half a pixel), 3,000 reference images, change after 500, followed for 2,500. `evidence` looks at its default variables, `adwin` and `page-hinkley` at the entropy of the output, all others at the 64 numbers of the model's embedding (`on: embedding`).",
            model)
        {
            Reference = seed => Served(digits.Images(new Random(seed), 3_000)),
            Clean = (seed, rows) => Served(digits.Images(new Random(seed), rows)),
            Calm = 500,
            Stationary = 5_000,
            Changes =
            [
                ("5°", Change(degrees: 5)),
                ("10°", Change(degrees: 10)),
                ("15°", Change(degrees: 15)),
                ("20°", Change(degrees: 20)),
                ("30°", Change(degrees: 30)),
                ("faded × 0.7", Change(contrast: 0.7)),
                ("noise 0.1", Change(noise: 0.1)),
                ("threes 30 %", Change(shareOfThrees: 0.3)),
            ],
            Options = kind => OptionsOf(kind, kind is "evidence" or "adwin" or "page-hinkley" ? "" : "embedding"),
        };
    }

    public static PowerData Flights(ScoringRuntime runtime)
    {
        var demo = DemoDigits.Open();
        var file = runtime.LoadFile("flights", demo.Path("flights.onnx"));
        var model = new ModelDescription
        {
            Name = "flights",
            Version = "1",
            Schema = SchemaFile.Read(demo.Path("flights.schema.json")),
            Outputs = [new OutputTensor("probabilities", 2, OutputRole.Probabilities)],
        };
        RowBatch Served(float[] values)
        {
            var rows = values.Length / 5;
            var probabilities = file.Run([ScoringTensor.Create(file.Inputs[0].Name, values, rows, 5)], ["probabilities"])[0].AsSpan<float>().ToArray();
            return ReferenceData.FromMatrix(model, values, rows, [probabilities]);
        }

        NpyFile population = NpyFile.Read(demo.Path("flights-population.X.npy")), other = NpyFile.Read(demo.Path("flights-other.X.npy")), ordered = NpyFile.Read(demo.Path("flights-time-ordered.X.npy"));
        var month = NpyFile.Read(demo.Path("flights-time-ordered.month.npy")).Values;
        float[] Draw(NpyFile from, IReadOnlyList<int> rows, int seed, int count)
        {
            // With replacement: reference and stream are draws of one population.
            var random = new Random(seed);
            return [.. Enumerable.Range(0, count).SelectMany(_ => from.Row(rows[random.Next(rows.Count)]).ToArray())];
        }

        int[] all = [.. Enumerable.Range(0, population.Rows)], others = [.. Enumerable.Range(0, other.Rows)];
        int[] january = [.. Enumerable.Range(0, ordered.Rows).Where(r => month[r] == 1)], february = [.. Enumerable.Range(0, ordered.Rows).Where(r => month[r] == 2)], march = [.. Enumerable.Range(0, ordered.Rows).Where(r => month[r] == 3)];
        return new PowerData(
            "Flights",
            "Real flights of 2001, drawn with replacement; 5,000 reference rows of the home airports in January to March, change after 500, followed for 3,000: flights of all other airports, or of one month alone. `evidence` looks at columns, prediction and entropy, `adwin` and `page-hinkley` at the entropy, `chi2` at categories, `ks`, `cvm`, `wasserstein` at numbers, the others at both.",
            model)
        {
            Reference = seed => Served(Draw(population, all, seed, 5_000)),
            Clean = (seed, rows) => Served(Draw(population, all, seed, rows)),
            Calm = 500,
            Stationary = 10_000,
            Changes =
            [
                ("other airports", seed => Served(Draw(other, others, seed, 3_000))),
                ("January only", seed => Served(Draw(ordered, january, seed, 3_000))),
                ("February only", seed => Served(Draw(ordered, february, seed, 3_000))),
                ("March only", seed => Served(Draw(ordered, march, seed, 3_000))),
            ],
            Options = kind => OptionsOf(kind, ""),
        };
    }

    /// <summary>The rows of two batches of one model, one after the other.</summary>
    public static RowBatch Join(RowBatch first, RowBatch second)
    {
        float[][] outputs = [.. first.Model.Outputs.Select((_, o) => (float[])[.. first.Outputs(o).Span, .. second.Outputs(o).Span])];
        return ReferenceData.FromMatrix(first.Model, [.. first.Inputs.Span, .. second.Inputs.Span], first.Count + second.Count, outputs);
    }

    private static Dictionary<string, string> OptionsOf(string kind, string on)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        if (on.Length > 0)
        {
            options["on"] = on;
        }

        if (kind == "wasserstein")
        {
            // The window's p-value, which permutations are for, is not evidence.
            options["permutations"] = 19.ToString(CultureInfo.InvariantCulture);
        }

        return options;
    }
}
