using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Replay.Search;

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
                    context,
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
                var cut = (int)Math.Round(rows.Count * share);
                var schema = context.Schemas.GetValueOrDefault(chosen.Name);
                var files = new List<object>();
                foreach (var (name, part) in new[] { ("train.csv", rows.Take(cut).ToList()), ("test.csv", rows.Skip(cut).ToList()) })
                {
                    var bytes = Csv(part, schema?.Image is null ? [.. schema?.Features.Select(f => f.Name) ?? []] : []);
                    await File.WriteAllBytesAsync(Path.Combine(folder, name), bytes, cancellationToken).ConfigureAwait(false);
                    files.Add(new
                    {
                        name,
                        rows = part.Count,
                        labelled = part.Count(r => r.Truth.Length > 0),
                        flagged = part.Count(r => r.Findings.Count > 0),
                        from = part.Count == 0 ? null : TimeText.Format(part[0].Hit.Entry.TimeUnixNano),
                        to = part.Count == 0 ? null : TimeText.Format(part[^1].Hit.Entry.TimeUnixNano),
                        sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes)),
                    });
                }

                var manifest = new { format = "monitoring-export/1", model = chosen.Name, configurationSha256 = context.Configuration.Sha256, truncated, files };
                await File.WriteAllTextAsync(Path.Combine(folder, "manifest.json"), JsonSerializer.Serialize(manifest, new JsonSerializerOptions(JsonSerializerDefaults.Web) { WriteIndented = true }), cancellationToken).ConfigureAwait(false);
                Console.WriteLine($"{folder}: {cut} rows to train, {rows.Count - cut} to test{(truncated ? "; there are more: --limit" : "")}");
                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), manifest, cancellationToken).ConfigureAwait(false);
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

    private static byte[] Csv(List<ExchangeRow> rows, IReadOnlyList<string> features)
    {
        var text = new StringBuilder();
        var width = rows.Count == 0 ? 0 : Width(rows[0]);
        text.Append("event,row,time,client,predicted,confidence,truth,author,findings");
        for (var i = 0; i < width; i++)
        {
            text.Append(',').Append(HitWriter.Csv(features.Count == width ? features[i] : string.Create(CultureInfo.InvariantCulture, $"x{i}")));
        }

        text.Append('\n');
        var values = new float[width];
        foreach (var row in rows)
        {
            text.AppendJoin(',', new[]
            {
                row.EventId,
                row.Hit.Row.ToString(CultureInfo.InvariantCulture),
                TimeText.Format(row.Hit.Entry.TimeUnixNano),
                row.Client,
                row.Predicted,
                double.IsNaN(row.Confidence) ? "" : row.Confidence.ToString("R", CultureInfo.InvariantCulture),
                row.Truth,
                row.Author,
                string.Join(' ', row.Findings),
            }.Select(HitWriter.Csv));
            EventView.TryRead(row.Hit.Entry.Value!.Value.Span, out var view);
            if (EventRows.CopyInput(view, row.Hit.Row, values))
            {
                foreach (var value in values)
                {
                    text.Append(',').Append(value.ToString("R", CultureInfo.InvariantCulture));
                }
            }
            else
            {
                text.Append(',', width);
            }

            text.Append('\n');
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static int Width(ExchangeRow row)
    {
        EventView.TryRead(row.Hit.Entry.Value!.Value.Span, out var view);
        return EventRows.InputWidth(view);
    }
}
