using System.Globalization;
using System.Text;

namespace Monitoring.Forensics;

/// <summary>The review queue as a table with an empty column <c>answer</c>; <c>import --labels</c> takes it back.</summary>
public static class ReviewCsv
{
    public static string Write(IEnumerable<ReviewRow> queue)
    {
        var text = new StringBuilder("event,row,reason,time,client,predicted,confidence,answer\n");
        foreach (var row in queue)
        {
            text.AppendJoin(',', new[]
            {
                row.EventId,
                row.Row.ToString(CultureInfo.InvariantCulture),
                row.Reason,
                TimeText.Format(row.TimeUnixNano),
                row.Client,
                row.Predicted,
                double.IsNaN(row.Confidence) ? "" : row.Confidence.ToString("0.####", CultureInfo.InvariantCulture),
                "",
            }.Select(CsvCell.Of)).Append('\n');
        }

        return text.ToString();
    }
}
