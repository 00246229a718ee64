using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;
using Monitoring.Replay.Search;
using Monitoring.Scoring;

namespace Monitoring.Replay.Comparing;

/// <summary><c>compare</c>: what another version of a model would have answered, with intervals, overall and per segment.</summary>
/// <param name="modules">Modules of this executable.</param>
public sealed class CompareVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    private const int BatchRows = 256;
    private const double Z95 = 1.959963984540054;

    public Command CreateCommand()
    {
        var config = VerbOptions.Config();
        var json = VerbOptions.Json();
        var model = new Option<string?>("--model") { Description = "Model; not needed when only one is configured." };
        var a = new Option<string>("--a") { Description = "Version, or FILE.onnx: the one that serves.", Required = true };
        var b = new Option<string>("--b") { Description = "Version, or FILE.onnx: the candidate.", Required = true };
        var from = new Option<string?>("--from") { Description = "Log time from, ISO 8601." };
        var to = new Option<string?>("--to") { Description = "Log time to (exclusive)." };
        var where = new Option<string?>("--where") { Description = "Only rows that fit this condition; see search." };
        var by = new Option<string?>("--by") { Description = "Segments: label (A's answer), client, or the name of a categorical input." };
        var data = new Option<string?>("--data") { Description = "Compare on the rows of this .npy file instead of the log's." };
        var divide = new Option<double>("--divide") { Description = "With --data: divide its numbers by this.", DefaultValueFactory = _ => 1 };
        var labels = new Option<string?>("--labels") { Description = "With --data: true classes, .npy." };
        var limit = new Option<int>("--limit") { Description = "Most rows taken from the log.", DefaultValueFactory = _ => 200_000 };
        var require = new Option<string[]>("--require") { Description = "Release gate, for example \"accuracy >= -0.01\": the whole interval of B − A must keep it. May be repeated.", DefaultValueFactory = _ => [] };
        var command = new Command("compare", "Compare two versions of a model on the same rows.") { config, model, a, b, from, to, where, by, data, divide, labels, limit, require, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                var requirements = parsed.GetRequiredValue(require).Select(Requirement.Parse).ToList();
                if (await OfflineHost.BuildAsync(parsed.GetRequiredValue(config), modules).ConfigureAwait(false) is not { } host)
                {
                    return ExitCode.Usage;
                }

                await using var built = host;
                var configuration = host.Services.GetRequiredService<LoadedConfiguration>();
                if (await OfflineHost.FindModelAsync(configuration, parsed.GetValue(model)).ConfigureAwait(false) is not { } chosen)
                {
                    return ExitCode.Usage;
                }

                var scoring = host.Services.GetRequiredService<ScoringRuntime>();
                var schema = host.Services.GetRequiredService<ModelCatalog>().Describe(chosen)?.Schema;
                using var first = Open(scoring, configuration, chosen, parsed.GetRequiredValue(a), "--a");
                using var second = Open(scoring, configuration, chosen, parsed.GetRequiredValue(b), "--b");
                var comparison = new ModelComparison();
                if (parsed.GetValue(data) is { } file)
                {
                    FromFile(comparison, first, second, file, parsed.GetValue(divide), parsed.GetValue(labels));
                }
                else
                {
                    await using var log = EventLogFactory.Create(configuration, TimeProvider.System, NullLoggerFactory.Instance, readOnly: true);
                    var schemas = schema is null ? new Dictionary<string, ModelSchema>() : new Dictionary<string, ModelSchema> { [chosen.Name] = schema };
                    var request = new SearchRequest
                    {
                        From = ForensicContext.Time(parsed.GetValue(from), 0, "--from"),
                        To = ForensicContext.Time(parsed.GetValue(to), long.MaxValue, "--to"),
                        Where = parsed.GetValue(where) is { } text ? QueryParser.Parse(text, schemas) : null,
                        Limit = Math.Max(1, parsed.GetValue(limit)),
                    };
                    await FromLogAsync(comparison, log, chosen.Name, schema, first, second, request, parsed.GetValue(by), cancellationToken).ConfigureAwait(false);
                }

                if (comparison.Count == 0)
                {
                    throw new UsageException($"no rows of model '{chosen.Name}' in the range");
                }

                var results = comparison.Results(Z95);
                Print(results, parsed.GetRequiredValue(a), parsed.GetRequiredValue(b));
                var broken = requirements.Select(r => r.Check(results[0])).OfType<string>().ToList();
                foreach (var failure in broken)
                {
                    Console.WriteLine($"NOT KEPT {failure}");
                }

                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), new { model = chosen.Name, a = first.Sha256, b = second.Sha256, level = 0.95, results, passed = broken.Count == 0, broken }, cancellationToken).ConfigureAwait(false);
                return broken.Count == 0 ? ExitCode.Success : ExitCode.Failure;
            }
            catch (Exception e) when (e is UsageException or QueryException or InvalidDataException or IOException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Usage;
            }
            catch (Exception e) when (e is EventLogException or ScoringException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Failure;
            }
        });
        return command;
    }

    private static ScoringModel Open(ScoringRuntime scoring, LoadedConfiguration configuration, ModelConfiguration model, string version, string option)
    {
        if (version.EndsWith(".onnx", StringComparison.Ordinal))
        {
            return scoring.LoadFile(model.Name, version);
        }

        var onnx = version == model.Version ? model.Onnx : model.Versions.FirstOrDefault(v => v.Version == version)?.Onnx;
        return onnx is not null
            ? scoring.LoadFile(model.Name, configuration.Resolve(onnx.Path), onnx.Sha256)
            : throw new UsageException($"{option}: model '{model.Name}' has no ONNX version '{version}'; versions are {string.Join(", ", model.Versions.Select(v => v.Version).Prepend(model.Version))}, or give a .onnx file");
    }

    private static void FromFile(ModelComparison comparison, ScoringModel a, ScoringModel b, string file, double divide, string? labels)
    {
        var rows = NpyFile.Read(file);
        var truth = labels is null ? null : NpyFile.Read(labels);
        if (truth is not null && truth.Values.Length != rows.Rows)
        {
            throw new UsageException($"--labels: {labels} has {truth.Values.Length} labels, {file} {rows.Rows} rows");
        }

        for (var start = 0; start < rows.Rows; start += BatchRows)
        {
            var count = Math.Min(BatchRows, rows.Rows - start);
            var batch = rows.Values.AsSpan(start * rows.Width, count * rows.Width).ToArray();
            System.Numerics.Tensors.TensorPrimitives.Divide(batch, (float)divide, batch);
            Score(comparison, a, b, batch, count, i => (truth is null ? null : (int)truth.Values[start + i], ""));
        }
    }

    private static async Task FromLogAsync(ModelComparison comparison, IEventLog log, string model, ModelSchema? schema, ScoringModel a, ScoringModel b, SearchRequest request, string? by, CancellationToken cancellationToken)
    {
        var labels = await LabelIndex.ReadAsync(log, model, cancellationToken).ConfigureAwait(false);
        var column = by is null or "label" or "client" ? -1 : schema?.Features.ToList().FindIndex(f => f.Name == by && f.Width == 1) ?? -1;
        if (by is not (null or "label" or "client") && column < 0)
        {
            throw new UsageException($"--by: '{by}' is neither label nor client nor an input; inputs are {string.Join(", ", schema?.Features.Select(f => f.Name) ?? [])}");
        }

        var hits = await new EventSearch(log).SearchAsync(request with { Where = Both(request.Where, QueryParser.Parse($"model == \"{model}\" and rows > 0", new Dictionary<string, ModelSchema>())) }, cancellationToken).ConfigureAwait(false);
        if (hits.Truncated)
        {
            await Console.Error.WriteLineAsync($"compared on the earliest {hits.Hits.Count} rows; --limit takes more").ConfigureAwait(false);
        }

        foreach (var chunk in hits.Hits.Chunk(BatchRows))
        {
            var read = chunk.Select(h => Read(h, schema, column, by, labels)).Where(r => r is not null).Select(r => r!.Value).ToList();
            if (read.Count > 0)
            {
                Score(comparison, a, b, [.. read.SelectMany(r => r.Values)], read.Count, i => (read[i].Truth, read[i].Segment), bySegmentA: by == "label" ? schema : null);
            }
        }
    }

    private static EventPredicate Both(EventPredicate? one, EventPredicate two) => one is null ? two : new EventPredicate.All(one, two);

    private static (float[] Values, int? Truth, string Segment)? Read(SearchHit hit, ModelSchema? schema, int column, string? by, LabelIndex labels)
    {
        EventView.TryRead(hit.Entry.Value!.Value.Span, out var view);
        var values = new float[EventRows.InputWidth(view)];
        if (!EventRows.CopyInput(view, hit.Row, values))
        {
            return null;
        }

        var feedback = labels.Find(EventView.Text(view.Id), EventView.Text(view.RequestId), hit.Row);
        var truth = feedback?.TruthCase == Contracts.Feedback.TruthOneofCase.Label ? ModelComparison.ClassOf(schema, feedback.Label) : feedback is { } f && f.TruthCase == Contracts.Feedback.TruthOneofCase.Value ? (int)f.Value : null;
        var segment = by == "client" ? EventView.Text(view.Client) is { Length: > 0 } client ? client : "(unattributed)"
            : column >= 0 ? Category(schema!.Features[column], values[column])
            : "";
        return (values, truth, segment);
    }

    private static string Category(FeatureSchema feature, float value) =>
        value >= 0 && value < feature.Categories.Count ? feature.Categories[(int)value] : value.ToString("G4", CultureInfo.InvariantCulture);

    private static void Score(ModelComparison comparison, ScoringModel a, ScoringModel b, float[] rows, int count, Func<int, (int? Truth, string Segment)> about, ModelSchema? bySegmentA = null)
    {
        var (first, second) = (Run(a, rows, count), Run(b, rows, count));
        for (var i = 0; i < count; i++)
        {
            var x = Row(first, i);
            var y = Row(second, i);
            var (truth, segment) = about(i);
            var (topA, topB) = (ModelComparison.Top(x), ModelComparison.Top(y));
            var @class = truth ?? topA;
            comparison.Add(new ModelComparison.Row(topA, topB, ModelComparison.Probability(x, @class), ModelComparison.Probability(y, @class), truth, bySegmentA is null ? segment : EventRows.ClassName(bySegmentA, topA)));
        }

        ReadOnlySpan<float> Row(ScoringTensor tensor, int index)
        {
            var width = (int)(tensor.ElementCount / count);
            return tensor.AsSpan<float>().Slice(index * width, width);
        }
    }

    private static ScoringTensor Run(ScoringModel model, float[] rows, int count)
    {
        if (model.Inputs.Count != 1 || model.Inputs[0].Type != TensorType.Float32)
        {
            throw new UsageException($"model '{model.Name}' needs one FP32 input to be compared");
        }

        var width = rows.Length / count;
        var shape = model.Inputs[0].Shape.Skip(1).ToArray();
        if (shape.Count(d => d < 0) == 0 && shape.Aggregate(1L, (x, y) => x * y) != width)
        {
            throw new UsageException($"model '{model.Name}' takes rows of {shape.Aggregate(1L, (x, y) => x * y)} numbers, found {width}");
        }

        var output = model.Outputs.First(o => o.Type == TensorType.Float32).Name;
        return model.Run([ScoringTensor.Create(model.Inputs[0].Name, rows, [count, .. shape.Select(d => d < 0 ? (long)width : d)])], [output])[0];
    }

    private static void Print(IReadOnlyList<ModelComparison.SegmentResult> results, string a, string b)
    {
        foreach (var result in results.Take(40))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(result.Segment.Length == 0 ? "all" : result.Segment)}: {result.Rows} rows, {result.Labelled} with a true label, same answer on {result.Agreement:P1}"));
            foreach (var d in result.Differences)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {d.Measure,-12} {a} {d.A:0.####}  {b} {d.B:0.####}  difference {d.Difference:+0.####;-0.####;0} [{d.Low:+0.####;-0.####;0}, {d.High:+0.####;-0.####;0}]"));
            }
        }
    }
}
