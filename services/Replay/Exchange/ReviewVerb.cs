using System.CommandLine;
using System.Globalization;
using System.Text;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Replay.Search;

namespace Monitoring.Replay.Exchange;

/// <summary>
/// <c>review</c>: the rows that a person should look at, as CSV with an empty column <c>answer</c>: flagged ones, the least certain, and
/// a random sample, without which the labels would speak of hard rows only. <c>import --labels</c> takes the answers.
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
        var count = new Option<int>("--count") { Description = "Rows: a third each flagged, uncertain and random, as far as there are.", DefaultValueFactory = _ => 90 };
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

                var (all, _) = await ExchangeRow.ReadAllAsync(
                    context,
                    chosen.Name,
                    ForensicContext.Time(parsed.GetValue(from), 0, "--from"),
                    ForensicContext.Time(parsed.GetValue(to), long.MaxValue, "--to"),
                    200_000,
                    cancellationToken).ConfigureAwait(false);
                var chosenRows = Choose([.. all.Where(r => r.Truth.Length == 0)], Math.Max(3, parsed.GetValue(count)), parsed.GetValue(seed));
                var text = new StringBuilder("event,row,reason,time,client,predicted,confidence,answer\n");
                foreach (var (row, reason) in chosenRows)
                {
                    text.AppendJoin(',', new[]
                    {
                        row.EventId,
                        row.Hit.Row.ToString(CultureInfo.InvariantCulture),
                        reason,
                        TimeText.Format(row.Hit.Entry.TimeUnixNano),
                        row.Client,
                        row.Predicted,
                        double.IsNaN(row.Confidence) ? "" : row.Confidence.ToString("0.####", CultureInfo.InvariantCulture),
                        "",
                    }.Select(HitWriter.Csv)).Append('\n');
                }

                var file = parsed.GetRequiredValue(output);
                await File.WriteAllTextAsync(file, text.ToString(), cancellationToken).ConfigureAwait(false);
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

    /// <summary>Chooses rows; each once, by its first reason.</summary>
    internal static List<(ExchangeRow Row, string Reason)> Choose(IReadOnlyList<ExchangeRow> rows, int count, int seed)
    {
        var chosen = new List<(ExchangeRow, string)>();
        var taken = new HashSet<ExchangeRow>(ReferenceEqualityComparer.Instance);
        void Take(IEnumerable<ExchangeRow> from, int most, string reason)
        {
            foreach (var row in from.Where(r => !taken.Contains(r)).Take(most).ToList())
            {
                taken.Add(row);
                chosen.Add((row, reason));
            }
        }

        Take(rows.Where(r => r.Findings.Count > 0), count / 3, "flagged");
        Take(rows.Where(r => !double.IsNaN(r.Confidence)).OrderBy(r => r.Confidence), count / 3, "uncertain");
        var random = rows.ToArray();
        new Random(seed).Shuffle(random);
        Take(random, count - chosen.Count, "random");
        return chosen;
    }
}
