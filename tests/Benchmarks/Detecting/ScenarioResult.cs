using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>One attack over all seeds, in the form of <c>drill --json</c>, with every monitor's queries to its alarm.</summary>
/// <param name="Name">Scenario.</param>
/// <param name="Family">evasion, extraction or leakage.</param>
/// <param name="Detectable">False where no monitor can see it in principle.</param>
/// <param name="Seeds">Runs.</param>
/// <param name="DetectionRate">Share of runs with an alarm.</param>
/// <param name="DetectionRateInterval">95 % Clopper–Pearson interval of it.</param>
/// <param name="QueriesToDetect">To the first alarm of any monitor, over detected runs.</param>
/// <param name="ProgressAtDetection">Median share of its goal that the attack had then.</param>
/// <param name="BeforeHalf">Runs in which the alarm came before half of the goal, of those that reached it.</param>
/// <param name="UndetectedSuccess">Share of runs in which the attack had its goal (extraction: half of what it gains) before any alarm.</param>
/// <param name="Success">Share of runs in which it reached its goal; extraction: agreement of nine in ten.</param>
/// <param name="Goal">Queries to the goal, over runs that reached it.</param>
/// <param name="FinalAgreement">Extraction: median agreement of the copy at the end.</param>
/// <param name="Monitors">By monitor: detected runs and queries.</param>
internal sealed record ScenarioResult(
    string Name,
    string Family,
    bool Detectable,
    int Seeds,
    double DetectionRate,
    double[] DetectionRateInterval,
    QuantilesReport? QueriesToDetect,
    double? ProgressAtDetection,
    int BeforeHalf,
    double UndetectedSuccess,
    double Success,
    QuantilesReport? Goal,
    double? FinalAgreement,
    IReadOnlyDictionary<string, MonitorDetections> Monitors)
{
    /// <summary>Extraction by thieves who begin with natural queries: median share of the gain that these alone bring.</summary>
    public double? WithSeeds { get; init; }

    /// <summary>Adds up the runs of one scenario.</summary>
    /// <param name="name">Scenario.</param>
    /// <param name="family">Its family.</param>
    /// <param name="detectable">Whether it can be seen at all.</param>
    /// <param name="runs">Its runs.</param>
    public static ScenarioResult Of(string name, string family, bool detectable, IReadOnlyList<Run> runs)
    {
        var detected = runs.Where(r => r.First is not null).ToArray();
        var succeeded = runs.Where(r => r.Success is not null || r.Final >= 0.9).ToArray();
        return new ScenarioResult(
            name,
            family,
            detectable,
            runs.Count,
            (double)detected.Length / runs.Count,
            DrillStatistics.ClopperPearson(detected.Length, runs.Count),
            DrillStatistics.Quantiles([.. detected.Select(r => (double)r.First!)]),
            detected.Any(r => r.Progress is not null) ? DrillStatistics.Median([.. detected.Where(r => r.Progress is not null).Select(r => r.Progress!.Value)]) : null,
            runs.Count(r => r.Progress < 0.5),
            (double)runs.Count(r => r.Unseen) / runs.Count,
            (double)succeeded.Length / runs.Count,
            DrillStatistics.Quantiles([.. runs.Where(r => r.Success is not null).Select(r => (double)r.Success!)]),
            runs.Any(r => r.Final is not null) ? DrillStatistics.Median([.. runs.Where(r => r.Final is not null).Select(r => r.Final!.Value)]) : null,
            runs.SelectMany(r => r.Alarms.Keys).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToDictionary(m => m, m => MonitorDetections.Of([.. runs.Select(r => r.Alarms[m])]), StringComparer.Ordinal))
        {
            WithSeeds = runs.Any(r => r.WithSeeds is not null) ? DrillStatistics.Median([.. runs.Where(r => r.WithSeeds is not null).Select(r => r.WithSeeds!.Value)]) : null,
        };
    }

    /// <summary>One run.</summary>
    /// <param name="Alarms">Queries to the alarm by monitor; null without one.</param>
    /// <param name="Success">Queries to the goal; null where it was not reached, and for extraction.</param>
    /// <param name="Progress">Share of the goal at the first alarm; null where there is no goal or no alarm.</param>
    /// <param name="Unseen">The goal came first.</param>
    /// <param name="Final">Extraction: agreement of the copy at the end.</param>
    /// <param name="WithSeeds">Extraction: share of the gain after the natural queries it begins with; null where it does not.</param>
    internal sealed record Run(IReadOnlyDictionary<string, int?> Alarms, int? Success, double? Progress, bool Unseen, double? Final = null, double? WithSeeds = null)
    {
        /// <summary>The first alarm of the monitors that count: those under other conditions are named after a comma.</summary>
        public int? First => Alarms.Where(a => !a.Key.Contains(',', StringComparison.Ordinal)).Min(a => a.Value);
    }
}

/// <summary>Runs that one monitor detected, and after how many queries.</summary>
internal sealed record MonitorDetections(int Detected, QuantilesReport? Queries)
{
    public static MonitorDetections Of(IReadOnlyList<int?> alarms) =>
        new(alarms.Count(a => a is not null), DrillStatistics.Quantiles([.. alarms.Where(a => a is not null).Select(a => (double)a!)]));
}
