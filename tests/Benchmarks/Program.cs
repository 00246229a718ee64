namespace Monitoring.Benchmarks;

/// <summary>Suites by name; <c>--json FILE</c> writes the result.</summary>
internal static class Program
{
    private static readonly SortedDictionary<string, Func<BenchmarkArguments, Task<object>>> s_suites = new(StringComparer.Ordinal)
    {
        ["monitors"] = MonitorSpeed.RunAsync,
        ["clients"] = Suites.ClientsSuite.RunAsync,
        ["similarity"] = Suites.SimilaritySuite.RunAsync,
        ["outliers"] = OutlierTable.RunAsync,
        ["held-out-outliers"] = Suites.HeldOutOutliers.RunAsync,
        ["alerting"] = Suites.AlertingSuite.RunAsync,
        ["evidence"] = Suites.EvidenceSuite.RunAsync,
        ["endtoend"] = Suites.EndToEndSuite.RunAsync,
        ["explain"] = Suites.ExplainSuite.RunAsync,
        ["log"] = Suites.LogSuite.RunAsync,
        ["processor"] = Suites.ProcessorSuite.RunAsync,
        ["inference"] = Suites.InferenceSuite.RunAsync,
        ["kernels"] = Suites.KernelsSuite.RunAsync,
        ["power"] = Suites.PowerSuite.RunAsync,
        ["replay"] = Suites.ReplaySuite.RunAsync,
        ["scale"] = Suites.ScaleSuite.RunAsync,
        ["search"] = Suites.SearchSuite.RunAsync,
        ["detection"] = Detecting.DetectionSuite.RunAsync,
        ["unseen"] = Detecting.UnseenSuite.RunAsync,
        ["detection-traces"] = DetectionTraces.RunAsync,
        ["budget"] = Suites.BudgetSuite.RunAsync,
        ["runtime"] = Suites.RuntimeSuite.RunAsync,
    };

    private static async Task<int> Main(string[] args)
    {
        if (args.Length == 0 || !s_suites.TryGetValue(args[0], out var suite))
        {
            await Console.Error.WriteLineAsync($"usage: Benchmarks <suite> [--json FILE] [--option value]…; suites: {string.Join(", ", s_suites.Keys)}").ConfigureAwait(false);
            return 2;
        }

        var arguments = BenchmarkArguments.Parse(args.AsSpan(1));
        var result = await suite(arguments).ConfigureAwait(false);
        await arguments.WriteAsync(result).ConfigureAwait(false);
        return 0;
    }
}
