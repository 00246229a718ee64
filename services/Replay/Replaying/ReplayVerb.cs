using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Replay.Replaying;

/// <summary><c>replay</c>: a range of the log through the monitors, isolated, or back into a topic.</summary>
/// <param name="modules">Modules whose kinds of monitors may be configured.</param>
public sealed class ReplayVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    public Command CreateCommand()
    {
        var config = VerbOptions.Config();
        var json = VerbOptions.Json();
        var with = new Option<string?>("--with") { Description = "Another configuration file: what would its monitors have found?" };
        var from = new Option<string?>("--from") { Description = "Log time from, ISO 8601; the log's start without it. Evidence begins here." };
        var to = new Option<string?>("--to") { Description = "Log time to (exclusive)." };
        var into = new Option<string?>("--into") { Description = "Append the range to this topic instead, log times carried along." };
        var speed = new Option<string>("--speed") { Description = "With --into: a factor such as 10x, or max.", DefaultValueFactory = _ => "max" };
        var command = new Command("replay", "Run a range of the log through the monitors again, isolated, and compare.") { config, with, from, to, into, speed, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                var fromTime = ForensicContext.Time(parsed.GetValue(from), 0, "--from");
                var toTime = ForensicContext.Time(parsed.GetValue(to), long.MaxValue, "--to");
                return parsed.GetValue(into) is { } topic
                    ? await IntoAsync(parsed.GetRequiredValue(config), topic, Factor(parsed.GetRequiredValue(speed)), fromTime, toTime, parsed.GetValue(json), cancellationToken).ConfigureAwait(false)
                    : await IsolatedAsync(parsed.GetRequiredValue(config), parsed.GetValue(with), fromTime, toTime, parsed.GetValue(json), cancellationToken).ConfigureAwait(false);
            }
            catch (UsageException e)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Usage;
            }
            catch (Exception e) when (e is EventLogException or InvalidDataException or IOException or ScoringException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Failure;
            }
        });
        return command;
    }

    private async Task<int> IsolatedAsync(string config, string? with, long from, long to, string? json, CancellationToken cancellationToken)
    {
        if (await ForensicContext.OpenAsync(config, cancellationToken).ConfigureAwait(false) is not { } context)
        {
            return ExitCode.Usage;
        }

        await using var owned = context;

        // A host that is built and never started: the configured kinds, nothing that consumes. Its data folder is not the installation's.
        if (await OfflineHost.BuildAsync(with ?? config, modules).ConfigureAwait(false) is not { } host)
        {
            return ExitCode.Usage;
        }

        await using var built = host;
        var configuration = host.Services.GetRequiredService<LoadedConfiguration>();
        var runner = new ReplayRunner(context.Log, host.Services.GetRequiredService<MonitorKinds>(), BuildIdentity.Current(host.Services.GetRequiredService<ScoringRuntime>().Device.ToString()), TimeProvider.System)
        {
            Answers = host.Services.GetRequiredService<ModelCatalog>().Answer,
            Progress = context.Progress<long>(n => $"replayed {n:N0} events") is { } progress ? progress.Report : null,
        };
        var hashes = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var (_, finding) in FindingLog.ReadAsync(context.Log, 0, long.MaxValue, cancellationToken).ConfigureAwait(false))
        {
            hashes.Add(finding.Provenance?.ConfigurationSha256 ?? "");
        }

        using var plan = await ReplayPlan.CreateAsync(host.Services, configuration, Path.Combine(context.Configuration.DataDirectory, "profiles"), hashes, refit: configuration.Sha256 != context.Configuration.Sha256, cancellationToken).ConfigureAwait(false);
        var live = await runner.LiveAsync([.. plan.Groups.Select(g => g.Configuration.Group)], from, to, cancellationToken).ConfigureAwait(false);
        var result = await runner.RunAsync(plan.Groups, from, to, cancellationToken).ConfigureAwait(false);
        var diff = FindingDiff.Between(live, result.Findings);
        foreach (var line in diff.Describe())
        {
            Console.WriteLine(line);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"would have paged {result.Pages} times and written {result.Tickets} tickets; {result.Findings.Count} findings from {result.Events:N0} events in {result.Seconds:F1} s ({result.EventsPerSecond:N0}/s{(double.IsNaN(result.TimesRecorded) ? "" : string.Create(CultureInfo.InvariantCulture, $", {result.TimesRecorded:N0} times as fast as recorded"))})"));
        await VerbOptions.WriteJsonAsync(
            json,
            new
            {
                identical = diff.IsIdentical,
                same = diff.Same,
                restated = diff.Restated,
                changed = diff.Changed.Select(c => new { id = c.After.Id, fields = c.Fields }),
                gone = diff.OnlyBefore.Select(f => f.Id),
                added = diff.OnlyAfter.Select(f => f.Id),
                pages = result.Pages,
                tickets = result.Tickets,
                findings = result.Findings.Count,
                events = result.Events,
                eventsPerSecond = result.EventsPerSecond,
                timesRecorded = double.IsNaN(result.TimesRecorded) ? (double?)null : result.TimesRecorded,
                sha256 = result.Sha256,
            },
            cancellationToken).ConfigureAwait(false);

        // With the same configuration a difference is a failure; with another one it is the answer.
        return with is not null || diff.IsIdentical ? ExitCode.Success : ExitCode.Failure;
    }

    private static async Task<int> IntoAsync(string config, string topic, double factor, long from, long to, string? json, CancellationToken cancellationToken)
    {
        if (topic == Topics.InferenceEvents)
        {
            throw new UsageException($"--into: {topic} is what is read; choose another topic");
        }

        var configuration = LoadedConfiguration.Load(config, ConfigurationValidators.BuiltIn);
        foreach (var error in configuration.Errors)
        {
            await Console.Error.WriteLineAsync($"error: {error}").ConfigureAwait(false);
        }

        if (configuration.Errors.Count > 0)
        {
            return ExitCode.Usage;
        }

        await using var log = EventLogFactory.Create(configuration, TimeProvider.System, NullLoggerFactory.Instance);
        var count = await new RangePublisher(log, TimeProvider.System).PublishAsync(Topics.InferenceEvents, topic, from, to, factor, cancellationToken).ConfigureAwait(false);
        Console.WriteLine($"{count:N0} events appended to {topic}");
        await VerbOptions.WriteJsonAsync(json, new { topic, events = count }, cancellationToken).ConfigureAwait(false);
        return ExitCode.Success;
    }

    private static double Factor(string text) =>
        text == "max" ? double.PositiveInfinity
        : text.EndsWith('x') && double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var factor) && factor > 0 ? factor
        : throw new UsageException($"--speed: '{text}' is neither a factor such as 10x nor max");
}
