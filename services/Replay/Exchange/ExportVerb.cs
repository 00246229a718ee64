using System.CommandLine;
using System.Globalization;
using Monitoring.EventLog;
using Monitoring.Hosting;

namespace Monitoring.Replay.Exchange;

/// <summary><c>export</c>: rows, predictions, labels and flags as CSV for training, split by time, with a manifest of hashes.</summary>
public sealed class ExportVerb : IVerb
{
    public Command CreateCommand()
    {
        var config = VerbOptions.Config();
        var json = VerbOptions.Json();
        var model = new Option<string?>("--model") { Description = "Model; not needed when only one is configured." };
        var from = new Option<string?>("--from") { Description = "Log time from, ISO 8601." };
        var to = new Option<string?>("--to") { Description = "Log time to (exclusive)." };
        var output = new Option<string>("--out") { Description = "Folder; made when it is missing.", Required = true };
        var split = new Option<double>("--split") { Description = "Share of the rows, the earliest, that go into train.csv; the later ones go into test.csv.", DefaultValueFactory = _ => 0.8 };
        var labelled = new Option<bool>("--labelled") { Description = "Only rows with a true label." };
        var limit = new Option<int>("--limit") { Description = "Most rows.", DefaultValueFactory = _ => 1_000_000 };
        var command = new Command("export", "Export rows with predictions, labels and flags, split by time.") { config, model, from, to, output, split, labelled, limit, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (await ForensicContext.OpenAsync(parsed.GetRequiredValue(config), cancellationToken).ConfigureAwait(false) is not { } context)
            {
                return ExitCode.Usage;
            }

            await using var owned = context;
            try
            {
                var share = parsed.GetValue(split);
                if (share is not (>= 0 and <= 1))
                {
                    throw new UsageException($"--split: {share.ToString(CultureInfo.InvariantCulture)} is not between 0 and 1");
                }

                if (await OfflineHost.FindModelAsync(context.Configuration, parsed.GetValue(model)).ConfigureAwait(false) is not { } chosen)
                {
                    return ExitCode.Usage;
                }

                var (rows, truncated) = await ExchangeRow.ReadAllAsync(
                    context.Log,
                    context.Schemas,
                    chosen.Name,
                    ForensicContext.Time(parsed.GetValue(from), 0, "--from"),
                    ForensicContext.Time(parsed.GetValue(to), long.MaxValue, "--to"),
                    Math.Max(1, parsed.GetValue(limit)),
                    cancellationToken).ConfigureAwait(false);
                if (parsed.GetValue(labelled))
                {
                    rows = [.. rows.Where(r => r.Truth.Length > 0)];
                }

                if (rows.Count == 0)
                {
                    throw new UsageException($"no rows of model '{chosen.Name}' in the range");
                }

                var folder = parsed.GetRequiredValue(output);
                Directory.CreateDirectory(folder);
                var dataset = Dataset.Create(rows, chosen.Name, context.Schemas.GetValueOrDefault(chosen.Name), share, context.Configuration.Sha256, truncated);
                foreach (var (name, bytes) in dataset.Files)
                {
                    await File.WriteAllBytesAsync(Path.Combine(folder, name), bytes, cancellationToken).ConfigureAwait(false);
                }

                Console.WriteLine($"{folder}: {dataset.Train} rows to train, {dataset.Test} to test{(truncated ? "; there are more: --limit" : "")}");
                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), dataset.Manifest, cancellationToken).ConfigureAwait(false);
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
