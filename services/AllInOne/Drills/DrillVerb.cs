using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.AllInOne.Drills;

/// <summary>
/// <c>drill</c>: real attacks over HTTP against the user's own running installation, beside clean clients, and what was detected. There is no way to name another
/// target: address and models come from the configuration.
/// </summary>
internal sealed class DrillVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    private const int LeastInputs = 600;

    public Command CreateCommand()
    {
        var scenario = new Argument<string>("scenario") { Description = "all, or one of: " + string.Join(", ", DrillScenarios.Names) };
        var config = VerbOptions.Config();
        var model = new Option<string?>("--model") { Description = "Configured model; may be left out when there is only one." };
        var seeds = new Option<int>("--seeds") { Description = "Runs of each scenario.", DefaultValueFactory = _ => 1 };
        var budget = new Option<int>("--budget") { Description = "Queries that an attacker may ask.", DefaultValueFactory = _ => 1_000 };
        var data = new Option<string?>("--data") { Description = "Clean inputs (.npy) for attackers and clean clients; the model's reference when absent. Better: data held out from the reference." };
        var training = new Option<string?>("--training") { Description = "Training records (.npy), for membership probing." };
        var key = new Option<string?>("--key") { Description = "API key with the role publish, as env:NAME or file:PATH." };
        var victim = new Option<int?>("--victim") { Description = "Number of the clean input that evasion starts from, to repeat a drill; another one every time when absent." };
        var settle = new Option<string>("--settle") { Description = "Time without any progress of the monitors after which no more findings are awaited.", DefaultValueFactory = _ => "30s" };
        var json = VerbOptions.Json();
        var command = new Command("drill", "Attack your own model with known attacks and report what was detected, and after how many queries.") { scenario, config, model, seeds, budget, data, training, key, victim, settle, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            // No host: the one that is attacked is running, and owns the log.
            var loaded = CheckVerb.Load(parsed.GetRequiredValue(config), modules);
            foreach (var error in loaded.Errors)
            {
                await Console.Error.WriteLineAsync($"error: {error}").ConfigureAwait(false);
            }

            if (loaded.Errors.Count > 0)
            {
                return ExitCode.Usage;
            }

            var chosen = await OfflineHost.FindModelAsync(loaded, parsed.GetValue(model)).ConfigureAwait(false);
            if (chosen is null)
            {
                return ExitCode.Usage;
            }

            var wanted = parsed.GetRequiredValue(scenario);
            var records = parsed.GetValue(training);
            string[] scenarios = wanted == "all" ? [.. DrillScenarios.Names.Where(n => n != DrillScenarios.Membership || records is not null)] : [wanted];
            var file = parsed.GetValue(data) ?? (chosen.Reference is { } reference ? loaded.Resolve(reference) : null);
            SecretReference? secret = null;
            var problem =
                !DrillScenarios.Names.Contains(scenarios[0], StringComparer.Ordinal) ? $"scenario '{wanted}' is unknown; allowed: all, {string.Join(", ", DrillScenarios.Names)}"
                : wanted == DrillScenarios.Membership && records is null ? "--training: membership probing needs the training records"
                : parsed.GetValue(seeds) is < 1 or > 1000 ? "--seeds: 1 to 1000"
                : parsed.GetValue(budget) is < 10 or > 1_000_000 ? "--budget: 10 to 1000000"
                : parsed.GetValue(victim) is < 0 ? "--victim: 0 or more"
                : !Duration.TryParse(parsed.GetRequiredValue(settle), out _) ? "--settle: a duration, as 5s"
                : file is null ? $"--data: model '{chosen.Name}' has no reference in the configuration; name a file of clean inputs"
                : parsed.GetValue(key) is { } given && !SecretReference.TryParse(given, out secret) ? "--key: env:NAME or file:PATH"
                : loaded.Value.Log.Kind != LogKind.Embedded ? "drill reads findings from the embedded log; with another log run it where the log is embedded"
                : !Uri.TryCreate(loaded.Value.Api.Listen.FirstOrDefault(), UriKind.Absolute, out var listen) || listen.Port == 0 ? "api.listen: the first address must name a port, so that the running installation is found"
                : null;
            if (problem is not null)
            {
                await Console.Error.WriteLineAsync(problem).ConfigureAwait(false);
                return ExitCode.Usage;
            }

            try
            {
                var inputs = Read(file!);
                if (inputs.Count < LeastInputs)
                {
                    throw new InvalidDataException($"{file}: {inputs.Count} inputs are too few for attackers, clean clients and private measurements; at least {LeastInputs}");
                }

                var header = chosen.Client.FirstOrDefault(c => c.StartsWith("header:", StringComparison.Ordinal))?["header:".Length..];
                if (header is null)
                {
                    Console.WriteLine($"note: model '{chosen.Name}' takes no client from a header, so that all drill clients are one and monitors per client see them as such");
                }

                using var target = new DrillTarget(new Uri(loaded.Value.Api.Listen[0]), chosen.Name, header, secret?.Read());
                await using var log = EventLogFactory.Create(loaded, TimeProvider.System, NullLoggerFactory.Instance, readOnly: true);
                var findings = new DrillFindings(log, string.Create(CultureInfo.InvariantCulture, $"drill-{TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds():x}"));
                await target.ConnectAsync(inputs[0], findings.Id("connect", 0), cancellationToken).ConfigureAwait(false);
                if (target.Width != inputs[0].Length || target.Classes < 2)
                {
                    throw new InvalidDataException($"the model takes {target.Width} values and answers {target.Classes}; the data has {inputs[0].Length} a row, and drills need class probabilities");
                }

                var runnable = scenarios.Where(s => !DrillScenarios.NeedsSquareImage(s) || target.Side > 0).ToArray();
                if (runnable.Length == 0)
                {
                    throw new InvalidDataException($"{scenarios[0]} works on square images of one channel; model '{chosen.Name}' takes [{target.Shape}]");
                }

                if (runnable.Length < scenarios.Length)
                {
                    Console.WriteLine($"note: left out, for they need square images of one channel: {string.Join(", ", scenarios.Except(runnable, StringComparer.Ordinal))}");
                }

                target.Range = InputRange.Of(inputs, target.IsImage);
                inputs = [.. inputs.Select(target.Range.ToUnit)];
                var run = new DrillRun(target, findings, inputs, records is null ? null : [.. Read(records).Select(target.Range.ToUnit)], parsed.GetValue(budget), parsed.GetValue(victim) ?? findings.Offset, TimeProvider.System);
                await run.StartAsync(cancellationToken).ConfigureAwait(false);
                if (runnable.Any(s => s.StartsWith("transfer", StringComparison.Ordinal)))
                {
                    await run.TeachAsync(cancellationToken).ConfigureAwait(false);
                }

                _ = Duration.TryParse(parsed.GetRequiredValue(settle), out var quiet);
                var report = await run.RunAsync(chosen.Name, runnable, parsed.GetValue(seeds), quiet, cancellationToken).ConfigureAwait(false);
                Print(report);
                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), report, cancellationToken).ConfigureAwait(false);
                return ExitCode.Success;
            }
            catch (Exception e) when (e is InvalidDataException or IOException or HttpRequestException or EventLogException)
            {
                await Console.Error.WriteLineAsync(e is HttpRequestException ? $"{loaded.Value.Api.Listen[0]}: {e.Message}: is the installation running ('run')?" : e.Message).ConfigureAwait(false);
                return ExitCode.Failure;
            }
        });
        return command;
    }

    /// <summary>Rows of an array; images in bytes come to [0, 1].</summary>
    private static IReadOnlyList<float[]> Read(string file)
    {
        var (values, rows, columns) = NumpyFile.Read(file);
        return [.. Enumerable.Range(0, rows).Select(r => values.AsSpan(r * columns, columns).ToArray())];
    }

    private static void Print(DrillReport report)
    {
        foreach (var s in report.Scenarios)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{s.Name,-46} {(s.Detectable ? "" : "(not detectable in principle, or one-shot) ")}detected {s.DetectionRate:P0} of {s.Seeds}, after {(s.QueriesToDetect is { } q ? $"{q.Median:F0} queries" : "-")}, at {(s.ProgressAtDetection is { } p ? $"{p:P0} of its goal" : "-")}; reached its goal {s.Success:P0}, unseen {s.UndetectedSuccess:P0}{(s.FinalAgreement is { } a ? $"; copy agrees {a:P0}" : "")}"));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"clean: {report.Clean.Queries} queries of {report.Clean.Clients} clients, {report.Clean.FalseAlarms} false alarms: at most {report.Clean.SupportedBound:G2} a query (95 %)"));
    }
}
