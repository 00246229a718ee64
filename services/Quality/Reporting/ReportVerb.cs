using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;
using Monitoring.Quality.Reporting;
using Monitoring.Scoring;

namespace Monitoring.Quality;

/// <summary><c>report</c>: what changed between two files, or between a model's reference and a range of its log, whether it matters, and how well the model does.</summary>
public sealed class ReportVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    public Command CreateCommand()
    {
        var reference = new Option<string?>("--reference") { Description = "Clean rows: .csv, .jsonl or .npy. With --model: the model's configured reference when absent." };
        var data = new Option<string?>("--data") { Description = "Rows to judge: .csv, .jsonl or .npy." };
        var labels = new Option<string?>("--labels") { Description = "True labels of the data, one per row; else a column of it called label, target or y." };
        var referenceLabels = new Option<string?>("--reference-labels") { Description = "True labels of the reference, one per row; else a column of it." };
        var schema = new Option<string?>("--schema") { Description = "Schema file that names and types the inputs; else inferred from the reference." };
        var onnx = new Option<string?>("--onnx") { Description = "Model file: predictions, performance and impact come from it." };
        var config = VerbOptions.Config();
        var model = new Option<string?>("--model") { Description = "A model of the configuration, instead of --onnx and --schema." };
        var range = new Option<string?>("--range") { Description = "With --model: log times FROM/TO (ISO 8601) to judge, instead of --data." };
        var objective = new Option<string?>("--objective") { Description = "What is promised, for example \"accuracy >= 0.9\"; with --model its own when absent." };
        var label = new Option<string?>("--label") { Description = "Column of true labels." };
        var prediction = new Option<string?>("--prediction") { Description = "Column of predictions." };
        var score = new Option<string?>("--score") { Description = "Column of the positive class's probability." };
        var ignore = new Option<string[]>("--ignore") { Description = "Columns that are not compared.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
        var html = new Option<string?>("--html") { Description = "Write the page here: one file, no script." };
        var failOn = new Option<string>("--fail-on") { Description = "Exit 1 when the report finds this or worse: never, change, harm.", DefaultValueFactory = _ => "never" };
        failOn.AcceptOnlyFromAmong("never", "change", "harm");
        var json = VerbOptions.Json();
        var command = new Command("report", "What changed in the data, whether the model feels it, how well it does: one self-contained page.")
        {
            reference, data, labels, referenceLabels, schema, onnx, config, model, range, objective, label, prediction, score, ignore, html, failOn, json,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                var request = new ReportRequest
                {
                    Reference = parsed.GetValue(reference),
                    Data = parsed.GetValue(data),
                    Labels = parsed.GetValue(labels),
                    ReferenceLabels = parsed.GetValue(referenceLabels),
                    Schema = parsed.GetValue(schema),
                    Onnx = parsed.GetValue(onnx),
                    Config = parsed.GetRequiredValue(config),
                    Model = parsed.GetValue(model),
                    Range = parsed.GetValue(range),
                    Objective = parsed.GetValue(objective) is { } promise ? ReportObjective.Parse(promise) : null,
                    Columns = new ReportColumns(parsed.GetValue(label), parsed.GetValue(prediction), parsed.GetValue(score), parsed.GetRequiredValue(ignore)),
                };
                var result = await new ReportSource(modules).BuildAsync(request, cancellationToken).ConfigureAwait(false);
                Print(result);
                if (parsed.GetValue(html) is { } page)
                {
                    await File.WriteAllTextAsync(page, ReportPage.Write(result), cancellationToken).ConfigureAwait(false);
                    Console.WriteLine($"page: {page}");
                }

                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), result, cancellationToken).ConfigureAwait(false);
                var limit = parsed.GetRequiredValue(failOn) switch { "harm" => ReportLevel.Harm, "change" => ReportLevel.Change, _ => (ReportLevel?)null };
                return result.Verdict >= limit ? ExitCode.Failure : ExitCode.Success;
            }
            catch (Exception e) when (e is ReportUsageException or TableFormatException or InvalidDataException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Usage;
            }
            catch (Exception e) when (e is FitException or ScoringException or EventLogException or IOException or UnauthorizedAccessException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Failure;
            }
        });
        return command;
    }

    private static void Print(ReportResult result)
    {
        var c = CultureInfo.InvariantCulture;
        Console.WriteLine(string.Create(c, $"{result.Verdict.ToString().ToLowerInvariant()}: {result.Data.Name} ({result.Data.Rows} rows) against {result.Reference.Name} ({result.Reference.Rows} rows)"));
        foreach (var headline in result.Headlines)
        {
            Console.WriteLine($"  {headline.Level.ToString().ToLowerInvariant(),-6} {headline.Text}");
        }

        foreach (var measure in result.Performance?.Measures ?? [])
        {
            Console.WriteLine(string.Create(c, $"  {(result.Performance!.IsEstimate ? "estimated " : "")}{measure.Name} {measure.Data.Value:0.####} ({measure.Data.Low:0.####} to {measure.Data.High:0.####}){(measure.Reference is { } usual ? string.Create(c, $", reference {usual.Value:0.####}") : "")}"));
        }

        foreach (var drift in result.Drift.Take(10))
        {
            Console.WriteLine(string.Create(c, $"  {drift.Name}: effect {drift.Effect:0.###}, p {drift.Adjusted:G3}{(drift.Impact is { } impact ? string.Create(c, $", impact {impact:0.####}") : "")}"));
        }
    }
}
