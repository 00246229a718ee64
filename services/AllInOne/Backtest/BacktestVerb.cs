using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Detection;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;
using Monitoring.Scoring;

namespace Monitoring.AllInOne.Backtest;

/// <summary><c>backtest</c>: any kind of monitor over files.</summary>
internal sealed class BacktestVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    public Command CreateCommand()
    {
        var kind = new Option<string>("--kind") { Description = "Kind of monitor.", Required = true };
        var options = new Option<string[]>("--option") { Description = "An option of the kind, key=value; may be given several times.", AllowMultipleArgumentsPerToken = true };
        var reference = new Option<string>("--reference") { Description = "Clean rows: .npy, .csv or .jsonl.", Required = true };
        var data = new Option<string>("--data") { Description = "Rows to judge, in order: .npy, .csv or .jsonl.", Required = true };
        var labels = new Option<string?>("--labels") { Description = "One number per row of the data; not 0 is an outlier." };
        var falseAlarms = new Option<double>("--rows-per-false-alarm") { Description = "One false alarm is allowed in this many rows.", DefaultValueFactory = _ => 10_000 };
        var device = new Option<string>("--device") { Description = "auto, cpu or cuda:0.", DefaultValueFactory = _ => "auto" };
        var json = VerbOptions.Json();
        var command = new Command("backtest", "Run a monitor over files: scores, p-values, evidence and alarms.") { kind, options, reference, data, labels, falseAlarms, device, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                var level = parsed.GetValue(falseAlarms);
                if (!(level >= 2) || double.IsInfinity(level))
                {
                    throw new FormatException("--rows-per-false-alarm: a number of at least 2 expected");
                }

                var request = new BacktestRequest(
                    parsed.GetRequiredValue(kind),
                    ParseOptions(parsed.GetValue(options) ?? []),
                    parsed.GetRequiredValue(reference),
                    parsed.GetRequiredValue(data),
                    parsed.GetValue(labels),
                    level);
                await using var provider = BuildServices(modules, parsed.GetRequiredValue(device));
                var runtime = provider.GetRequiredService<ScoringRuntime>();
                var engine = new BacktestEngine(new MonitorKinds(provider.GetServices<IMonitorKind>()), runtime.Device.Device);
                var result = await engine.RunAsync(request, cancellationToken).ConfigureAwait(false);
                Print(result);
                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), result, cancellationToken).ConfigureAwait(false);
                return ExitCode.Success;
            }
            catch (Exception e) when (e is KeyNotFoundException or MonitorOptionsException or TableFormatException or FormatException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Usage;
            }
            catch (Exception e) when (e is FitException or ScoringException or IOException or UnauthorizedAccessException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Failure;
            }
        });
        return command;
    }

    /// <summary>Kinds and the runtime they score on; nothing else of the modules is made.</summary>
    internal static ServiceProvider BuildServices(IReadOnlyList<IServiceModule> modules, string device)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddMetrics();
        services.AddSingleton(TimeProvider.System);

        // Kinds that ask a served model look for it here: over files there is none, and they say so when they are fitted.
        services.AddSingleton(new LoadedConfiguration(new MonitoringConfiguration(), Path.GetFullPath("monitoring.yaml"), "", [], []));
        services.AddSingleton(_ => new ScoringRuntime(new ScoringOptions { Device = device }));
        services.AddSingleton<ScoringKernels>();
        foreach (var module in modules)
        {
            module.ConfigureServices(services);
        }

        return services.BuildServiceProvider();
    }

    private static Dictionary<string, string> ParseOptions(string[] pairs)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in pairs)
        {
            var at = pair.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0)
            {
                throw new FormatException($"--option: key=value expected, found '{pair}'");
            }

            result[pair[..at]] = pair[(at + 1)..];
        }

        return result;
    }

    private static void Print(BacktestResult result)
    {
        var c = CultureInfo.InvariantCulture;
        Console.WriteLine(string.Create(c, $"{result.Kind}: {result.Rows} rows of {result.Columns} columns against {result.ReferenceRows}, {result.RowsPerSecond:N0} rows/s on {result.Device} (fit {result.FitSeconds:F2} s)"));
        if (result.Auroc is { } auroc)
        {
            Console.WriteLine(string.Create(c, $"auroc {auroc:F4}"));
        }

        foreach (var window in result.Windows ?? [])
        {
            Console.WriteLine(string.Create(c, $"rows {window.First}..{window.First + window.Rows - 1}: statistic {window.Statistic:G6}, p {window.P:G4}, log evidence {window.LogEvidence:F2}, {window.Seconds * 1000:F1} ms"));
        }

        if (result.LogEvidence is { Count: > 0 } path)
        {
            Console.WriteLine(string.Create(c, $"log evidence at the end {path[^1]:F2}, largest {path.Max():F2}, level {result.LogLevel:F2}"));
        }

        foreach (var alarm in result.AlarmDetails)
        {
            Console.WriteLine(string.Create(c, $"alarm at row {alarm.Row}: log evidence {alarm.LogEvidence:F2} since row {alarm.Since}{(alarm.Variables.Count > 0 ? ": " + string.Join(", ", alarm.Variables) : "")}"));
        }

        foreach (var finding in result.Findings.Take(20))
        {
            Console.WriteLine(string.Create(c, $"row {finding.Row}: {finding.Summary}"));
        }

        foreach (var warning in result.Warnings)
        {
            Console.WriteLine($"warning: {warning}");
        }
    }
}
