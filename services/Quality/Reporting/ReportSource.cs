using System.Globalization;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Quality.Reporting;

/// <summary>Where the two sides of a report come from: files, files through a model, or a range of the log.</summary>
internal sealed class ReportSource(IReadOnlyList<IServiceModule> modules)
{
    private const int MostRows = 200_000;

    /// <exception cref="ReportUsageException">Options that do not go together.</exception>
    public async Task<ReportResult> BuildAsync(ReportRequest request, CancellationToken cancellationToken)
    {
        if (request.Model is not null && request.Onnx is not null)
        {
            throw new ReportUsageException("--model and --onnx exclude each other: the configuration names the model's file");
        }

        if (request.Model is null)
        {
            return FromFiles(request, null, null, null, null);
        }

        if (await OfflineHost.BuildAsync(request.Config, modules).ConfigureAwait(false) is not { } host)
        {
            throw new ReportUsageException($"{request.Config} has errors");
        }

        await using var built = host;
        var configuration = host.Services.GetRequiredService<LoadedConfiguration>();
        var model = configuration.Value.Models.FirstOrDefault(m => m.Name == request.Model)
            ?? throw new ReportUsageException($"--model: '{request.Model}' is not configured; configured are {string.Join(", ", configuration.Value.Models.Select(m => m.Name))}");
        var catalog = host.Services.GetRequiredService<ModelCatalog>();
        var promised = request.Objective ?? (model.Objective is { } o ? new ReportObjective(o.Metric, o.Threshold) : null);
        var reference = request.Reference ?? (model.Reference is { } file ? configuration.Resolve(file) : throw new ReportUsageException($"--reference: model '{model.Name}' has no reference in the configuration; name a file"));
        request = request with { Reference = reference, Objective = promised };
        if (request.Range is null)
        {
            return FromFiles(request, model, catalog, catalog.Describe(model), null);
        }

        if (request.Data is not null)
        {
            throw new ReportUsageException("--range and --data exclude each other: both say what is judged");
        }

        await using var log = EventLogFactory.Create(configuration, TimeProvider.System, NullLoggerFactory.Instance, readOnly: true);
        var (from, to) = Range(request.Range);
        var description = catalog.Describe(model);
        var rows = (await LogReference.ReadAsync(log, Topics.InferenceEvents, model.Name, model.Version, description, from, to, MostRows, cancellationToken: cancellationToken).ConfigureAwait(false)).All;
        return FromFiles(request, model, catalog, rows.Model, await SampleAsync(log, rows, request.Range, cancellationToken).ConfigureAwait(false));
    }

    private static ReportResult FromFiles(ReportRequest request, ModelConfiguration? model, ModelCatalog? catalog, ModelDescription? description, ReportSample? judged)
    {
        var reference = request.Reference ?? throw new ReportUsageException("--reference: a file of clean rows is needed");
        var data = judged is not null ? reference : request.Data ?? throw new ReportUsageException("--data: a file of rows to judge is needed (or --model and --range)");
        var schema = request.Schema is { } file ? SchemaFile.Read(file) : description?.Schema;
        using var scoring = request.Onnx is not null ? new ScoringRuntime(new ScoringOptions { Device = "cpu" }) : null;
        if (request.Onnx is { } onnx)
        {
            model = new ModelConfiguration { Name = Path.GetFileNameWithoutExtension(onnx), Onnx = new OnnxConfiguration { Path = Path.GetFullPath(onnx) }, Schema = request.Schema is null ? null : Path.GetFullPath(request.Schema) };
            catalog = new ModelCatalog(new LoadedConfiguration(new MonitoringConfiguration(), Path.GetFullPath("monitoring.yaml"), "", [], []), scoring!);
            description = catalog.Describe(model);
        }

        // A model's own names of its inputs are no names of columns.
        var named = request.Schema is not null || schema?.Image is not null || model?.Schema is not null;
        var files = ReportFiles.Read(reference, data, judged is null ? request.Labels : null, request.ReferenceLabels, named ? schema : null, request.Columns);
        ReportSample left = files.Reference, right = judged ?? files.Data;
        Func<float[], int, float[]>? predict = null;
        if (model is not null && description is not null && model.Onnx is not null)
        {
            var output = description.IndexOf(OutputRole.Probabilities) is >= 0 and var p ? p : description.IndexOf(OutputRole.Regression);
            if (description.Width != files.Schema.Width)
            {
                throw new ReportUsageException($"model '{model.Name}' takes {description.Width} values a row, the files have {files.Schema.Width} ({string.Join(", ", files.Schema.Features.Take(20).Select(f => f.Name))}); name its inputs with --schema, or leave columns out with --ignore");
            }

            if (output >= 0)
            {
                var role = description.Outputs[output];
                predict = (rows, count) => catalog!.Run(model, description, rows, count)![output];
                left = Predicted(left, predict, role);
                right = judged is null || !judged.HasPredictions ? Predicted(right, predict, role) : right;
                predict = role is { Role: OutputRole.Probabilities, Width: 1 } ? (rows, count) => Both(catalog!.Run(model, description, rows, count)![output]) : predict;
            }
        }

        return ReportBuilder.Build(files.Schema, schema is { Classes.Count: > 0 } ? schema.Classes : files.Classes, left, right, model?.Name, predict, request.Objective, files.Notes);
    }

    private static ReportSample Predicted(ReportSample sample, Func<float[], int, float[]> predict, OutputTensor output)
    {
        var answers = predict(sample.Inputs, sample.Rows);
        return output.Role == OutputRole.Regression ? sample with { Values = [.. answers.Where((_, i) => i % output.Width == 0).Select(v => (double)v)] }
            : output.Width == 1 ? sample.WithProbabilities(Both(answers), 2)
            : sample.WithProbabilities(answers, output.Width);
    }

    /// <summary>P(positive) as the two probabilities.</summary>
    private static float[] Both(float[] positive)
    {
        var both = new float[positive.Length * 2];
        for (var i = 0; i < positive.Length; i++)
        {
            (both[2 * i], both[(2 * i) + 1]) = (1 - positive[i], positive[i]);
        }

        return both;
    }

    private static async Task<ReportSample> SampleAsync(IEventLog log, RowBatch rows, string name, CancellationToken cancellationToken)
    {
        var sample = new ReportSample(name, rows.Inputs.ToArray(), rows.Count);
        if (rows.Model.IndexOf(OutputRole.Probabilities) is >= 0 and var p && Answered(p))
        {
            var width = rows.Model.Outputs[p].Width;
            sample = sample.WithProbabilities(width == 1 ? Both(rows.Outputs(p).ToArray()) : rows.Outputs(p).ToArray(), Math.Max(2, width));
        }
        else if (rows.Model.IndexOf(OutputRole.Regression) is >= 0 and var v && Answered(v))
        {
            sample = sample with { Values = [.. Enumerable.Range(0, rows.Count).Select(r => (double)rows.Output(v, r)[0])] };
        }

        // Calls that were logged without their answers have none: the model gives them again.
        bool Answered(int output) => rows.HasOutput(output) && rows.Outputs(output).Span.ContainsAnyExcept(float.NaN);

        // The last word about a row counts.
        var truth = new Dictionary<(string Call, int Row), double>();
        var partitions = await log.GetPartitionCountAsync(Topics.Feedback, cancellationToken).ConfigureAwait(false);
        for (var partition = 0; partition < partitions; partition++)
        {
            var offsets = await log.GetOffsetsAsync(Topics.Feedback, partition, cancellationToken).ConfigureAwait(false);
            await foreach (var entry in log.ReadAsync(Topics.Feedback, partition, offsets.Start, offsets.End, cancellationToken).ConfigureAwait(false))
            {
                try
                {
                    if (entry.Value is { } bytes && Feedback.Parser.ParseFrom(bytes.Span) is { } feedback && feedback.Model == rows.Model.Name)
                    {
                        truth[(feedback.EventId.Length > 0 ? feedback.EventId : "request\n" + feedback.RequestId, feedback.Row)] = TrueValue.Of(feedback, rows.Model.Schema);
                    }
                }
                catch (InvalidProtocolBufferException)
                {
                    // No feedback: nothing that could be joined.
                }
            }
        }

        var actual = new double[rows.Count];
        for (var r = 0; r < actual.Length; r++)
        {
            var info = rows.Rows[r];
            var requestId = rows.Events[info.Event].RequestId;
            actual[r] = truth.TryGetValue((info.EventId, info.EventRow), out var value) || (requestId.Length > 0 && truth.TryGetValue(("request\n" + requestId, info.EventRow), out value)) ? value : double.NaN;
        }

        return truth.Count == 0 ? sample : sample with { Truth = actual };
    }

    private static (long From, long To) Range(string text)
    {
        if (text.Split('/') is [var from, var to]
            && DateTimeOffset.TryParse(from, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var start)
            && DateTimeOffset.TryParse(to, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var end) && start < end)
        {
            return (start.ToUnixTimeMilliseconds() * 1_000_000, end.ToUnixTimeMilliseconds() * 1_000_000);
        }

        throw new ReportUsageException($"--range: FROM/TO in ISO 8601 expected, for example 2026-11-01T00:00Z/2026-11-02T00:00Z; found '{text}'");
    }
}
