using System.CommandLine;
using System.Diagnostics;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Tables;

namespace Monitoring.Replay.Search;

/// <summary><c>search</c>: finds calls in the log by time, fields, findings and likeness.</summary>
public sealed class SearchVerb : IVerb
{
    public Command CreateCommand()
    {
        var config = VerbOptions.Config();
        var json = VerbOptions.Json();
        var where = new Argument<string?>("where") { Description = "Condition, for example: model == \"digits\" and label in (\"4\", \"9\") and confidence < 0.6 and latency > 20ms", Arity = ArgumentArity.ZeroOrOne };
        var from = new Option<string?>("--from") { Description = "Log time from, ISO 8601." };
        var to = new Option<string?>("--to") { Description = "Log time to (exclusive), ISO 8601." };
        var finding = new Option<string?>("--finding") { Description = "Only the sample events of this finding." };
        var flagged = new Option<bool>("--flagged") { Description = "Only sample events of findings." };
        var similar = new Option<string?>("--similar-to") { Description = "Nearest rows to this one: EVENT_ID, EVENT_ID:ROW, or FILE.npy:ROW." };
        var divide = new Option<double>("--divide") { Description = "With FILE.npy: divide its numbers by this, for example 255 for bytes of an image in [0, 1].", DefaultValueFactory = _ => 1 };
        var limit = new Option<int>("--limit") { Description = "Most rows shown.", DefaultValueFactory = _ => 100 };
        var format = new Option<string>("--format") { Description = "table, jsonl or csv.", DefaultValueFactory = _ => "table" };
        format.AcceptOnlyFromAmong("table", "jsonl", "csv");
        var inputs = new Option<bool>("--with-inputs") { Description = "Also the inputs of each row (jsonl and csv)." };
        var command = new Command("search", "Search the log of calls.") { where, config, from, to, finding, flagged, similar, divide, limit, format, inputs, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (await ForensicContext.OpenAsync(parsed.GetRequiredValue(config), cancellationToken).ConfigureAwait(false) is not { } context)
            {
                return ExitCode.Usage;
            }

            await using var owned = context;
            try
            {
                var request = new SearchRequest
                {
                    From = ForensicContext.Time(parsed.GetValue(from), 0, "--from"),
                    To = ForensicContext.Time(parsed.GetValue(to), long.MaxValue, "--to"),
                    Where = parsed.GetValue(where) is { } expression ? QueryParser.Parse(expression, context.Schemas) : null,
                    Limit = Math.Max(1, parsed.GetValue(limit)),
                    Ids = await IdsAsync(context, parsed.GetValue(finding), parsed.GetValue(flagged), cancellationToken).ConfigureAwait(false),
                    Progress = context.Progress<SearchProgress>(p => $"searched {p.Scanned:N0} of {p.Total:N0} events"),
                };
                if (parsed.GetValue(similar) is { } text)
                {
                    var row = await RowAsync(context.Log, text, parsed.GetValue(divide), cancellationToken).ConfigureAwait(false);
                    var image = context.Schemas.Values.Any(s => s.Image is not null && s.Width == row.Length);
                    request = request with { SimilarTo = row, Scale = image ? null : await ColumnScale.FitAsync(context.Log, row.Length, request.From, request.To, cancellationToken).ConfigureAwait(false) };
                }

                var start = Stopwatch.GetTimestamp();
                var result = await new EventSearch(context.Log).SearchAsync(request, cancellationToken).ConfigureAwait(false);
                var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                var withInputs = parsed.GetValue(inputs);
                var lines = result.Hits.Select(new HitWriter(context.Schemas, withInputs).Describe).ToList();
                switch (parsed.GetValue(format))
                {
                    case "jsonl":
                        HitWriter.WriteJsonLines(Console.Out, lines);
                        break;
                    case "csv":
                        HitWriter.WriteCsv(Console.Out, lines, withInputs);
                        break;
                    default:
                        HitWriter.WriteTable(Console.Out, lines);
                        break;
                }

                await Console.Error.WriteLineAsync($"{lines.Count} rows{(result.Truncated ? " (there may be more: --limit)" : "")} of {result.Scanned:N0} events in {seconds:F2} s{(result.Unreadable > 0 ? $"; {result.Unreadable} records are no events" : "")}").ConfigureAwait(false);
                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), new { rows = lines, scanned = result.Scanned, unreadable = result.Unreadable, truncated = result.Truncated, seconds }, cancellationToken).ConfigureAwait(false);
                return ExitCode.Success;
            }
            catch (Exception e) when (e is QueryException or UsageException or InvalidDataException or FileNotFoundException or UnknownTopicException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Usage;
            }
        });
        return command;
    }

    private static async Task<IReadOnlySet<string>?> IdsAsync(ForensicContext context, string? finding, bool flagged, CancellationToken cancellationToken)
    {
        if (finding is null && !flagged)
        {
            return null;
        }

        var ids = new HashSet<string>(StringComparer.Ordinal);
        var found = false;
        await foreach (var (_, message) in FindingLog.ReadAsync(context.Log, 0, long.MaxValue, cancellationToken).ConfigureAwait(false))
        {
            if (finding is null || message.Id == finding)
            {
                found = true;
                ids.UnionWith(message.SampleEventIds);
            }
        }

        return found || finding is null ? ids : throw new UsageException($"there is no finding '{finding}' in the log");
    }

    private static async Task<float[]> RowAsync(IEventLog log, string text, double divide, CancellationToken cancellationToken)
    {
        var colon = text.LastIndexOf(':');
        var row = 0;
        var name = colon > 0 && int.TryParse(text.AsSpan(colon + 1), out row) ? text[..colon] : text;
        if (name.EndsWith(".npy", StringComparison.Ordinal))
        {
            var file = NpyFile.Read(name);
            if (row < 0 || row >= file.Rows)
            {
                throw new UsageException($"--similar-to: {name} has rows 0 to {file.Rows - 1}, not {row}");
            }

            return [.. file.Row(row).ToArray().Select(v => (float)(v / divide))];
        }

        var hit = await new EventSearch(log).SearchAsync(new SearchRequest { Ids = new HashSet<string>(StringComparer.Ordinal) { name }, Limit = 1 }, cancellationToken).ConfigureAwait(false);
        if (hit.Hits.Count == 0)
        {
            throw new UsageException($"--similar-to: there is no event '{name}' in the log");
        }

        return Row(hit.Hits[0].Entry, row) ?? throw new UsageException($"--similar-to: event '{name}' has no row {row} of numbers");
    }

    private static float[]? Row(LogEntry entry, int row)
    {
        EventView.TryRead(entry.Value!.Value.Span, out var view);
        var values = new float[EventRows.InputWidth(view)];
        return EventRows.CopyInput(view, row, values) ? values : null;
    }
}
