using System.CommandLine;
using Monitoring.EventLog;
using Monitoring.Hosting;

namespace Monitoring.Replay.Exchange;

/// <summary>
/// <c>review</c>: the <see cref="ReviewQueue"/> over a whole range as CSV with an empty column <c>answer</c>. <c>import --labels</c> takes the answers.
/// </summary>
public sealed class ReviewVerb : IVerb
{
    public Command CreateCommand()
    {
        var config = VerbOptions.Config();
        var json = VerbOptions.Json();
        var model = new Option<string?>("--model") { Description = "Model; not needed when only one is configured." };
        var from = new Option<string?>("--from") { Description = "Log time from, ISO 8601." };
        var to = new Option<string?>("--to") { Description = "Log time to (exclusive)." };
        var output = new Option<string>("--out") { Description = "CSV file.", Required = true };
        var count = new Option<int>("--count") { Description = "Rows: a quarter each flagged, outlying, uncertain and random, as far as there are.", DefaultValueFactory = _ => 90 };
        var seed = new Option<int>("--seed") { Description = "Seed of the random sample.", DefaultValueFactory = _ => 0 };
        var command = new Command("review", "Choose rows for people to label.") { config, model, from, to, output, count, seed, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (await ForensicContext.OpenAsync(parsed.GetRequiredValue(config), cancellationToken).ConfigureAwait(false) is not { } context)
            {
                return ExitCode.Usage;
            }

            await using var owned = context;
            try
            {
                if (await OfflineHost.FindModelAsync(context.Configuration, parsed.GetValue(model)).ConfigureAwait(false) is not { } chosen)
                {
                    return ExitCode.Usage;
                }

                var wanted = Math.Max(4, parsed.GetValue(count));
                var selection = await new ReviewDesk(context.Log, TimeProvider.System).SelectAsync(
                    new ReviewRequest
                    {
                        Model = chosen.Name,
                        Schema = context.Schemas.GetValueOrDefault(chosen.Name),
                        From = ForensicContext.Time(parsed.GetValue(from), 0, "--from"),
                        To = ForensicContext.Time(parsed.GetValue(to), long.MaxValue, "--to"),
                        Count = wanted,
                        Seed = parsed.GetValue(seed),
                        MaxEvents = int.MaxValue,
                    },
                    cancellationToken).ConfigureAwait(false);
                var chosenRows = selection.Queue.Choose(wanted);
                var file = parsed.GetRequiredValue(output);
                await File.WriteAllTextAsync(file, ReviewCsv.Write(chosenRows), cancellationToken).ConfigureAwait(false);
                var reasons = chosenRows.GroupBy(r => r.Reason).ToDictionary(g => g.Key, g => g.Count());
                Console.WriteLine($"{file}: {chosenRows.Count} rows ({string.Join(", ", reasons.Select(r => $"{r.Value} {r.Key}"))}); fill in 'answer', then: monitoring import --labels {file} --model {chosen.Name}");
                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), new { file, rows = chosenRows.Count, reasons }, cancellationToken).ConfigureAwait(false);
                return ExitCode.Success;
            }
            catch (Exception e) when (e is UsageException or IOException or EventLogException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return e is EventLogException ? ExitCode.Failure : ExitCode.Usage;
            }
        });
        return command;
    }
}
