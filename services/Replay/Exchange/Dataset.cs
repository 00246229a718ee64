using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Monitoring.Detection;

namespace Monitoring.Replay.Exchange;

/// <summary>Rows with predictions, labels and flags as files for training, split by time, with a manifest of their hashes.</summary>
/// <param name="Files">By name: <c>train.csv</c>, <c>test.csv</c>, <c>manifest.json</c>.</param>
/// <param name="Manifest">What <c>manifest.json</c> says.</param>
/// <param name="Train">Rows in <c>train.csv</c>.</param>
/// <param name="Test">Rows in <c>test.csv</c>.</param>
internal sealed record Dataset(IReadOnlyDictionary<string, byte[]> Files, object Manifest, int Train, int Test)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Makes a data set.</summary>
    /// <param name="rows">Rows, earliest first.</param>
    /// <param name="model">Their model.</param>
    /// <param name="schema">Its schema, where it is known.</param>
    /// <param name="split">Share of the rows, the earliest, that are for training, 0 to 1.</param>
    /// <param name="configurationSha256">Of the configuration under which they were collected.</param>
    /// <param name="truncated">There are more rows.</param>
    public static Dataset Create(IReadOnlyList<ExchangeRow> rows, string model, ModelSchema? schema, double split, string configurationSha256, bool truncated)
    {
        var cut = (int)Math.Round(rows.Count * split);
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        var listed = new List<object>();
        foreach (var (name, part) in new[] { ("train.csv", rows.Take(cut).ToList()), ("test.csv", rows.Skip(cut).ToList()) })
        {
            var bytes = Csv(part, schema?.Image is null ? [.. schema?.Features.Select(f => f.Name) ?? []] : []);
            files[name] = bytes;
            listed.Add(new
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

        var manifest = new { format = "monitoring-export/1", model, configurationSha256, truncated, files = listed };
        files["manifest.json"] = JsonSerializer.SerializeToUtf8Bytes(manifest, s_json);
        return new Dataset(files, manifest, cut, rows.Count - cut);
    }

    private static byte[] Csv(List<ExchangeRow> rows, IReadOnlyList<string> features)
    {
        var text = new StringBuilder();
        var width = rows.Count == 0 ? 0 : Width(rows[0]);
        text.Append("event,row,time,client,predicted,confidence,truth,author,findings");
        for (var i = 0; i < width; i++)
        {
            text.Append(',').Append(CsvCell.Of(features.Count == width ? features[i] : string.Create(CultureInfo.InvariantCulture, $"x{i}")));
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
            }.Select(CsvCell.Of));
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
