using Monitoring.Adversarial;
using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>Clean clients of all habits, ten of each, on rows that chose nothing: 4,000 to 4,999, and from 5,100 on, which other runs take for victims and measurements. Memory does not grow with the queries.</summary>
internal static class CleanRuns
{
    private const int ClientsPerHabit = 10;

    /// <summary>Feeds so many clean queries to the monitors and counts their alarms.</summary>
    /// <param name="digits">Digits and monitors.</param>
    /// <param name="kinds">Monitors.</param>
    /// <param name="queries">Queries, at least.</param>
    /// <param name="level">Level.</param>
    /// <param name="oneClass">Ten clients of one class each, who have a hundred digits of it and send nothing else, instead of ninety of all habits.</param>
    /// <param name="tuning">Rows that forms and parameters were chosen on, under other seeds, instead of those that are judged.</param>
    public static async Task<CleanResult> RunAsync(Digits digits, IReadOnlyList<string> kinds, int queries, double level, bool oneClass = false, bool tuning = false)
    {
        int[] taken = tuning ? [.. Enumerable.Range(3_000, 1_000)] : oneClass ? [.. Enumerable.Range(4_000, 1_000)] : [.. Enumerable.Range(4_000, 1_000), .. Enumerable.Range(Digits.FirstVictim, digits.Inputs.Length - Digits.FirstVictim)];
        var traffic = new CleanClients([.. taken.Select(r => digits.Inputs[r])], tuning ? 311 : 11, ClientsPerHabit, 28, [.. taken.Select(r => digits.Labels[r])], renew: true, only: oneClass ? "one-class" : null);
        var monitors = kinds.Select(k => (Kind: k, Created: digits.Create(k, level))).ToArray();
        var sent = 0;
        var spent = monitors.ToDictionary(m => m.Kind, _ => TimeSpan.Zero, StringComparer.Ordinal);
        for (var reported = 0; sent < queries;)
        {
            var (batch, clients) = (new List<float[]>(), new List<string>());
            while (batch.Count < 500)
            {
                var (client, asked) = traffic.Next();
                batch.AddRange(asked);
                clients.AddRange(asked.Select(_ => client));
            }

            // Nine clients of different habits share an office.
            var rows = digits.Rows(batch, clients, sent, outputs: kinds.Any(k => k != "query-similarity"), cohort: c => "office-" + c[^1]);
            foreach (var (kind, (_, sink)) in monitors)
            {
                var before = Environment.CpuUsage.TotalTime;
                await sink.FeedAsync(rows).ConfigureAwait(false);
                spent[kind] += Environment.CpuUsage.TotalTime - before;
            }

            sent += rows.Count;
            if (sent >= reported + 100_000)
            {
                reported = sent;
                Console.WriteLine($"clean {sent}: {string.Join(", ", monitors.Select(m => $"{m.Kind} {m.Created.Sink.Alarms.Count}"))}");
            }
        }

        var index = monitors.Select(m => m.Created.Monitor).OfType<QuerySimilarityMonitor>().SingleOrDefault()?.Index;
        return new CleanResult(
            traffic.Count,
            sent,
            index?.Fresh ?? sent,
            index?.Repeats ?? 0,
            index?.Links ?? 0,
            [.. monitors.Select(m => new CleanMonitor(
                m.Kind,
                m.Created.Sink.Alarms.Count,
                [.. m.Created.Sink.Alarms.Select(a => a.Subject).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
                DrillStatistics.PoissonUpperBound(m.Created.Sink.Alarms.Count, sent),
                sent / spent[m.Kind].TotalSeconds))]);
    }
}

/// <summary>Clean traffic and what the monitors said to it.</summary>
/// <param name="Clients">Clients.</param>
/// <param name="Queries">Their queries.</param>
/// <param name="Fresh">Queries that were no exact repeat of a remembered one.</param>
/// <param name="Repeats">Exact repeats.</param>
/// <param name="Links">Near copies that were linked.</param>
/// <param name="Monitors">By monitor.</param>
internal sealed record CleanResult(int Clients, int Queries, long Fresh, long Repeats, long Links, IReadOnlyList<CleanMonitor> Monitors);

/// <summary>One monitor on clean traffic.</summary>
/// <param name="Kind">Kind.</param>
/// <param name="FalseAlarms">Alarms.</param>
/// <param name="Alarmed">Their subjects.</param>
/// <param name="SupportedBound">Rate a query that so many queries leave possible (95 %, exact Poisson).</param>
/// <param name="QueriesPerSecond">Per second of processor time, model calls of the monitor included.</param>
internal sealed record CleanMonitor(string Kind, int FalseAlarms, IReadOnlyList<string> Alarmed, double SupportedBound, double QueriesPerSecond);
