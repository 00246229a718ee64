using System.Globalization;
using System.Text;
using System.Text.Json;
using Monitoring.Detection;

namespace Monitoring.Replay.Search;

/// <summary>Writes hits as a table for people, as JSON lines or as CSV.</summary>
internal sealed class HitWriter(IReadOnlyDictionary<string, ModelSchema> schemas, bool withInputs)
{
    private static readonly string[] s_columns = ["time", "model", "version", "client", "request", "id", "row", "label", "confidence", "status", "latencyMs", "position", "distance"];

    /// <summary>What is shown of a hit.</summary>
    internal sealed record Line(
        string Time, string Model, string Version, string Client, string Request, string Id, int Row, string Label, double? Confidence, int Status, double LatencyMs, string Position, double? Distance, float[]? Inputs);

    public Line Describe(SearchHit hit)
    {
        EventView.TryRead(hit.Entry.Value!.Value.Span, out var view);
        var model = EventView.Text(view.Model);
        var confidence = EventRows.Confidence(view, hit.Row);
        float[]? inputs = null;
        if (withInputs)
        {
            inputs = new float[EventRows.InputWidth(view)];
            if (!EventRows.CopyInput(view, hit.Row, inputs))
            {
                inputs = null;
            }
        }

        var label = EventRows.PredictedClass(view, hit.Row);
        return new Line(
            TimeText.Format(hit.Entry.TimeUnixNano),
            model,
            EventView.Text(view.Version),
            EventView.Text(view.Client),
            EventView.Text(view.RequestId),
            EventView.Text(view.Id),
            hit.Row,
            label < 0 ? "" : EventRows.ClassName(schemas.GetValueOrDefault(model), label),
            double.IsNaN(confidence) ? null : confidence,
            view.Status,
            view.LatencyNano / 1e6,
            $"{hit.Entry.Partition}@{hit.Entry.Offset}",
            hit.Distance,
            inputs);
    }

    public static void WriteJsonLines(TextWriter output, IEnumerable<Line> lines)
    {
        foreach (var line in lines)
        {
            output.Write(JsonSerializer.Serialize(line, s_json));
            output.Write('\n');
        }
    }

    public static void WriteCsv(TextWriter output, IEnumerable<Line> lines, bool withInputs)
    {
        var first = true;
        foreach (var line in lines)
        {
            if (first)
            {
                output.Write(string.Join(',', s_columns.Concat(withInputs ? Enumerable.Range(0, line.Inputs?.Length ?? 0).Select(i => $"input{i}") : [])));
                output.Write('\n');
                first = false;
            }

            output.Write(string.Join(',', Cells(line).Concat(withInputs ? (line.Inputs ?? []).Select(v => v.ToString(CultureInfo.InvariantCulture)) : []).Select(CsvCell.Of)));
            output.Write('\n');
        }
    }

    public static void WriteTable(TextWriter output, IReadOnlyList<Line> lines)
    {
        var shown = s_columns.Select((name, i) => (name, i)).Where(c => c.name != "distance" || lines.Any(l => l.Distance is not null)).ToList();
        var rows = lines.Select(Cells).Prepend(s_columns).Select(cells => shown.Select(c => cells[c.i]).ToArray()).ToList();
        var widths = shown.Select((_, i) => rows.Max(r => r[i].Length)).ToArray();
        foreach (var row in rows)
        {
            var text = new StringBuilder();
            for (var i = 0; i < row.Length; i++)
            {
                text.Append(row[i].PadRight(widths[i] + 2));
            }

            output.WriteLine(text.ToString().TrimEnd());
        }
    }

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private static string[] Cells(Line line) =>
    [
        line.Time, line.Model, line.Version, line.Client, line.Request, line.Id, line.Row.ToString(CultureInfo.InvariantCulture), line.Label,
        line.Confidence?.ToString("0.####", CultureInfo.InvariantCulture) ?? "", line.Status.ToString(CultureInfo.InvariantCulture), line.LatencyMs.ToString("0.###", CultureInfo.InvariantCulture), line.Position,
        line.Distance?.ToString("0.####", CultureInfo.InvariantCulture) ?? "",
    ];
}
