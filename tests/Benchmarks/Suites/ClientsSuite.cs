using System.Globalization;
using Monitoring.Adversarial;
using Monitoring.Benchmarks.Detecting;
using Monitoring.Detection;
using Monitoring.Extraction;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// Suite <c>clients</c>: memory of the monitors that keep state per client, with more clients than they watch. Options: <c>--clients</c> (default 120,000; 100,000 are watched), <c>--queries</c> (of each, default 5).
/// Every client's queries are made of one digit and its number, so that none is an exact repeat. Evidence is the runtime's own.
/// </summary>
internal static class ClientsSuite
{
    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var clients = int.Parse(arguments["clients", "120000"], CultureInfo.InvariantCulture);
        var queries = int.Parse(arguments["queries", "5"], CultureInfo.InvariantCulture);
        using var digits = await Digits.OpenAsync().ConfigureAwait(false);
        var results = new List<object>();
        foreach (var kind in new[] { "off-manifold", "self-similarity", "query-budget", "query-pattern" })
        {
            results.Add(await MeasureAsync(digits, kind, clients, queries).ConfigureAwait(false));
        }

        return results;
    }

    /// <summary>In a call of its own: what it held is garbage before the next one is measured.</summary>
    private static async Task<object> MeasureAsync(Digits digits, string kind, int clients, int queries)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var (monitor, sink) = digits.Create(kind, 1e5);
        for (var query = 0; query < queries; query++)
        {
            for (var first = 0; first < clients; first += 1_000)
            {
                var count = Math.Min(1_000, clients - first);
                var inputs = Enumerable.Range(first, count).Select(c =>
                {
                    var input = (float[])digits.Inputs[4_000 + (c % 1_000)].Clone();
                    input[query] = (c + 1) / (float)(clients + 1);
                    return input;
                }).ToArray();
                await sink.FeedAsync(digits.Rows(inputs, [.. Enumerable.Range(first, count).Select(c => "client-" + c.ToString(CultureInfo.InvariantCulture))], first, outputs: kind is "off-manifold" or "query-pattern")).ConfigureAwait(false);
            }
        }

        var after = GC.GetTotalMemory(forceFullCollection: true);
        var result = new { kind, clients, queries, forgotten = monitor.State!.Forgotten, megabytesWithEvidenceOfAll = (after - before) / 1e6, alarms = sink.Alarms.Count };
        GC.KeepAlive(monitor);
        GC.KeepAlive(sink);
        return result;
    }
}
