using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;
using Monitoring.Scoring;

namespace Monitoring.Explainer;

/// <summary><c>explain</c>: why the model answered as it did, for an event of the log or a row of a file; or what it looks at on average.</summary>
/// <param name="modules">Modules of this executable.</param>
public sealed class ExplainVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    public Command CreateCommand()
    {
        var config = VerbOptions.Config();
        var json = VerbOptions.Json();
        var @event = new Option<string?>("--event") { Description = "EVENT_ID or EVENT_ID:ROW of the log." };
        var file = new Option<string?>("--row") { Description = "FILE.npy:ROW, in the model's own units; needs --model." };
        var model = new Option<string?>("--model") { Description = "Model, for --row and --aggregate." };
        var version = new Option<string>("--version-of-model") { Description = "Version; the current one without it.", DefaultValueFactory = _ => "" };
        var method = new Option<string>("--method") { Description = string.Join(", ", ModelExplainer.Methods), DefaultValueFactory = _ => "kernel-shap" };
        method.AcceptOnlyFromAmong([.. ModelExplainer.Methods]);
        var output = new Option<string?>("--out") { Description = "Write the drawing here: PNG for images, SVG for rows." };
        var samples = new Option<int?>("--samples") { Description = "Coalitions of kernel-shap; 2M + 2048 without it." };
        var aggregate = new Option<int>("--aggregate") { Description = "What the model looks at on average, per class, over this many rows of its reference." };
        var mask = new Option<string?>("--mask") { Description = "With --aggregate: .npy of the row's shape, nonzero inside; says how much of the attribution lies outside." };
        var command = new Command("explain", "Explain an answer of a model.") { config, @event, file, model, version, method, output, samples, aggregate, mask, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (await OfflineHost.BuildAsync(parsed.GetRequiredValue(config), modules).ConfigureAwait(false) is not { } host)
            {
                return ExitCode.Usage;
            }

            await using var built = host;
            var configuration = host.Services.GetRequiredService<LoadedConfiguration>();
            try
            {
                float[]? row = null;
                var name = parsed.GetValue(model);
                var modelVersion = parsed.GetRequiredValue(version);
                if (parsed.GetValue(@event) is { } id)
                {
                    await using var log = EventLogFactory.Create(configuration, TimeProvider.System, NullLoggerFactory.Instance, readOnly: true);
                    var (call, number) = await FindAsync(log, id, cancellationToken).ConfigureAwait(false);
                    row = ExplainedRow.Read(call, number);
                    (name, modelVersion) = (call.Model, modelVersion.Length > 0 ? modelVersion : call.ModelVersion);
                }
                else if (parsed.GetValue(file) is { } text)
                {
                    row = ReadRow(text);
                }
                else if (parsed.GetValue(aggregate) <= 0)
                {
                    throw new NotSupportedException("give --event, --row or --aggregate");
                }

                if (await OfflineHost.FindModelAsync(configuration, name).ConfigureAwait(false) is not { } chosen)
                {
                    return ExitCode.Usage;
                }

                using var explainer = ModelExplainer.Open(configuration, host.Services.GetRequiredService<ModelCatalog>(), host.Services.GetRequiredService<ScoringRuntime>(), chosen.Name, modelVersion, parsed.GetValue(samples));
                return row is null
                    ? await AggregateAsync(explainer, parsed.GetRequiredValue(method), parsed.GetValue(aggregate), parsed.GetValue(mask), parsed.GetValue(json), cancellationToken).ConfigureAwait(false)
                    : await ExplainAsync(explainer, parsed.GetRequiredValue(method), row, parsed.GetValue(output), parsed.GetValue(json), cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is NotSupportedException or RowBudgetException or ScoringException or InvalidDataException or IOException or EventLogException or ArgumentOutOfRangeException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return e is ScoringException or EventLogException ? ExitCode.Failure : ExitCode.Usage;
            }
        });
        return command;
    }

    private static async Task<int> ExplainAsync(ModelExplainer explainer, string method, float[] row, string? output, string? json, CancellationToken cancellationToken)
    {
        var (explanation, drawing) = await explainer.ExplainAsync(method, row, new PerturbationRequest(0, (_, _, _) => { }), cancellationToken).ConfigureAwait(false);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{explainer.Name} {explainer.Version}, {method}: {explanation.Output}{(explanation.Value != 0 || explanation.Base != 0 ? $" {explanation.Value:0.####}, usually {explanation.Base:0.####}" : "")}; {explanation.ModelCalls} model rows"));
        foreach (var line in explanation.Features)
        {
            Console.WriteLine($"  {line}");
        }

        if (output is not null)
        {
            if (drawing is null)
            {
                throw new NotSupportedException($"{method} of a row of columns has no drawing");
            }

            await File.WriteAllBytesAsync(output, drawing.Content, cancellationToken).ConfigureAwait(false);
            Console.WriteLine($"{output}: {drawing.Extension}, {drawing.Content.Length:N0} bytes");
        }

        await VerbOptions.WriteJsonAsync(
            json,
            new
            {
                model = explainer.Name,
                version = explainer.Version,
                method,
                output = explanation.Output,
                outputIndex = explanation.OutputIndex,
                value = explanation.Value,
                @base = explanation.Base,
                features = explanation.Features,
                attributions = explanation.Attributions is { } a ? System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(a.Data.Span).ToArray() : null,
                shape = explanation.Attributions?.Shape,
                rowIds = explanation.RowIds,
                modelRows = explanation.ModelCalls,
                file = output,
            },
            cancellationToken).ConfigureAwait(false);
        return ExitCode.Success;
    }

    private static async Task<int> AggregateAsync(ModelExplainer explainer, string method, int rows, string? maskFile, string? json, CancellationToken cancellationToken)
    {
        if (explainer.ReferenceCount == 0)
        {
            throw new NotSupportedException($"model '{explainer.Name}' has no reference rows: set models[].reference to a .npy file");
        }

        bool[]? mask = null;
        if (maskFile is not null)
        {
            mask = [.. NpyFile.Read(maskFile).Values.Select(v => v != 0)];
            if (mask.Length != explainer.Columns)
            {
                throw new NotSupportedException($"{maskFile}: {mask.Length} values, a row has {explainer.Columns}");
            }
        }

        ClassAggregate? result = null;
        for (var i = 0; i < Math.Min(rows, explainer.ReferenceCount); i++)
        {
            var attribution = await explainer.AttributeAsync(method, explainer.ReferenceRow(i), new PerturbationRequest(0, (_, _, _) => { }), cancellationToken).ConfigureAwait(false);
            result ??= new ClassAggregate(attribution.Groups, mask);
            result.Add(attribution);
        }

        foreach (var @class in result!.Classes)
        {
            var values = result.MeanAbsolute(@class);
            var total = values.Sum();
            var strongest = explainer.Schema.Image is null
                ? string.Join(", ", values.Select((v, i) => (Value: v, Name: explainer.Groups.Names[i])).OrderByDescending(v => v.Value).Take(5).Select(v => string.Create(CultureInfo.InvariantCulture, $"{v.Name} {v.Value / total:P0}")))
                : "";
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"class {explainer.ClassName(@class)}, {result.Count(@class)} rows{(mask is null ? "" : $", {result.MeanShareOutside(@class):P0} outside the mask")}{(strongest.Length > 0 ? ": " + strongest : "")}"));
        }

        await VerbOptions.WriteJsonAsync(json, result.Classes.Select(c => new { @class = explainer.ClassName(c), rows = result.Count(c), meanAbsolute = result.MeanAbsolute(c), shareOutside = mask is null ? (double?)null : result.MeanShareOutside(c) }), cancellationToken).ConfigureAwait(false);
        return ExitCode.Success;
    }

    private static async Task<(InferenceEvent Call, int Row)> FindAsync(IEventLog log, string text, CancellationToken cancellationToken)
    {
        var colon = text.LastIndexOf(':');
        var row = 0;
        var id = colon > 0 && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out row) ? text[..colon] : text;
        var partitions = await log.GetPartitionCountAsync(Topics.InferenceEvents, cancellationToken).ConfigureAwait(false);
        for (var p = 0; p < partitions; p++)
        {
            var found = await ExplainedRow.FindAsync(log, p, 0, long.MaxValue, new HashSet<string>(StringComparer.Ordinal) { id }, cancellationToken).ConfigureAwait(false);
            if (found.Count > 0)
            {
                return (found[0], row);
            }
        }

        throw new NotSupportedException($"--event: there is no event '{id}' in the log");
    }

    private static float[] ReadRow(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var row))
        {
            throw new NotSupportedException($"--row: '{text}' is not FILE.npy:ROW");
        }

        var table = NpyFile.Read(text[..colon]);
        return row < table.Rows ? table.Row(row).ToArray() : throw new NotSupportedException($"--row: {text[..colon]} has rows 0 to {table.Rows - 1}");
    }
}
