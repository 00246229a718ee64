using System.Globalization;
using System.Text;
using Monitoring.Replay.Search;

namespace Monitoring.Replay.Exchange;

/// <summary>
/// The rows that a person should look at: flagged by a finding, outlying, least certain, and a random sample, without which the labels would speak of hard rows
/// only. A quarter each, as far as there are; what one reason lacks the random sample gets.
/// </summary>
internal static class ReviewQueue
{
    /// <summary>Chooses among rows that nobody has labelled; each once, by its first reason.</summary>
    public static List<(ExchangeRow Row, string Reason)> Choose(IReadOnlyList<ExchangeRow> rows, int count, int seed)
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

        Take(rows.Where(r => r.Findings.Count > 0 && !r.Outlying), count / 4, "flagged");
        Take(rows.Where(r => r.Outlying), count / 4, "outlying");
        Take(rows.Where(r => !double.IsNaN(r.Confidence)).OrderBy(r => r.Confidence), count / 4, "uncertain");
        var random = rows.ToArray();
        new Random(seed).Shuffle(random);
        Take(random, count - chosen.Count, "random");
        return chosen;
    }

    /// <summary>A table with an empty column <c>answer</c>; <c>import --labels</c> takes it back.</summary>
    public static string Csv(IEnumerable<(ExchangeRow Row, string Reason)> chosen)
    {
        var text = new StringBuilder("event,row,reason,time,client,predicted,confidence,answer\n");
        foreach (var (row, reason) in chosen)
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

        return text.ToString();
    }
}
