using System.Globalization;
using Monitoring.Detection;

namespace Monitoring.Forensics;

/// <summary>
/// The rows that a person should look at: flagged by a finding, outlying, least certain, and a random sample, without which the labels would speak of hard rows
/// only. A quarter each, as far as there are; what one reason lacks the random sample gets. Rows pass by once and what is kept is bounded, however many there are.
/// </summary>
/// <param name="count">Most rows that will be chosen, at least 4.</param>
/// <param name="seed">Of the random sample: the same rows and seed give the same sample, in whatever order they come.</param>
public sealed class ReviewQueue(int count, int seed)
{
    private readonly PriorityQueue<ReviewRow, long> _flagged = new();
    private readonly PriorityQueue<ReviewRow, long> _outlying = new();
    private readonly PriorityQueue<ReviewRow, double> _uncertain = new();
    private readonly PriorityQueue<ReviewRow, ulong> _random = new(Comparer<ulong>.Create((a, b) => b.CompareTo(a)));

    /// <summary>Takes note of a row that nobody has labelled.</summary>
    public void Add(ReviewRow row)
    {
        // Each keeps as many as could be wanted of it alone: the head of a queue is the worst that it holds.
        if (row.Outlying)
        {
            Keep(_outlying, row, row.TimeUnixNano);
        }
        else if (row.Findings.Count > 0)
        {
            Keep(_flagged, row, row.TimeUnixNano);
        }

        if (!double.IsNaN(row.Confidence))
        {
            Keep(_uncertain, row, -row.Confidence);
        }

        Keep(_random, row, Draw(row));
    }

    /// <summary>Chooses, each row once, by its first reason; newest first among flagged ones, least certain first among uncertain ones.</summary>
    /// <param name="wanted">Rows, at most the count that the queue was made for.</param>
    public IReadOnlyList<ReviewRow> Choose(int wanted)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(wanted, count);
        var chosen = new List<ReviewRow>(wanted);
        var taken = new HashSet<(string, int)>();
        Take(Ordered(_flagged).OrderByDescending(r => r.TimeUnixNano), wanted / 4, "flagged");
        Take(Ordered(_outlying).OrderByDescending(r => r.TimeUnixNano), wanted / 4, "outlying");
        Take(Ordered(_uncertain).OrderBy(r => r.Confidence), wanted / 4, "uncertain");
        Take(Ordered(_random).OrderBy(Draw), wanted - chosen.Count, "random");
        return chosen;

        void Take(IEnumerable<ReviewRow> from, int most, string reason)
        {
            foreach (var row in from)
            {
                if (most == 0)
                {
                    return;
                }

                if (taken.Add((row.EventId, row.Row)))
                {
                    chosen.Add(row with { Reason = reason });
                    most--;
                }
            }
        }
    }

    /// <summary>Ties in an order of their own, so that the outcome does not depend on how the log was read.</summary>
    private static IOrderedEnumerable<ReviewRow> Ordered<TPriority>(PriorityQueue<ReviewRow, TPriority> queue) =>
        queue.UnorderedItems.Select(i => i.Element).OrderBy(r => r.Position.Partition).ThenBy(r => r.Position.Offset).ThenBy(r => r.Row);

    private void Keep<TPriority>(PriorityQueue<ReviewRow, TPriority> queue, ReviewRow row, TPriority priority)
    {
        if (queue.Count < count)
        {
            queue.Enqueue(row, priority);
        }
        else
        {
            queue.EnqueueDequeue(row, priority);
        }
    }

    private ulong Draw(ReviewRow row) => StableHash.Of(string.Create(CultureInfo.InvariantCulture, $"{row.EventId}/{row.Row}"), (ulong)seed);
}
