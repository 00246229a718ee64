namespace Monitoring.AllInOne.Drills;

/// <summary>What a drill found; the JSON of <c>drill --json</c>.</summary>
internal sealed record DrillReport(string Model, int Seeds, IReadOnlyList<ScenarioReport> Scenarios, CleanReport Clean);

/// <summary>One scenario over all seeds.</summary>
/// <param name="Name">Scenario.</param>
/// <param name="Family">evasion, extraction or leakage.</param>
/// <param name="Detectable">False where no monitor can see it in principle.</param>
/// <param name="Seeds">Runs.</param>
/// <param name="DetectionRate">Share of runs with an alarm on the attack's own queries.</param>
/// <param name="DetectionRateInterval">95 % Clopper–Pearson interval of it.</param>
/// <param name="QueriesToDetect">Over detected runs; null without any.</param>
/// <param name="ProgressAtDetection">Median share of its goal that the attack had at detection (evasion: of the queries to success; extraction: of the agreement gained in the end).</param>
/// <param name="UndetectedSuccess">Share of runs in which the attack reached its goal before any alarm, or without one.</param>
/// <param name="Success">Share of runs in which it reached its goal at all, as with monitoring off: monitors never change an answer.</param>
/// <param name="FinalAgreement">Extraction: median agreement of the copy at the end.</param>
/// <param name="Monitors">Detected runs by monitor.</param>
internal sealed record ScenarioReport(
    string Name,
    string Family,
    bool Detectable,
    int Seeds,
    double DetectionRate,
    double[] DetectionRateInterval,
    QuantilesReport? QueriesToDetect,
    double? ProgressAtDetection,
    double UndetectedSuccess,
    double Success,
    double? FinalAgreement,
    IReadOnlyDictionary<string, int> Monitors);

/// <summary>Median and 90 % point.</summary>
internal sealed record QuantilesReport(double Median, double P90);

/// <summary>Clean clients beside the attacks.</summary>
/// <param name="Clients">Clean clients.</param>
/// <param name="Queries">Their queries.</param>
/// <param name="FalseAlarms">Alarms raised by them.</param>
/// <param name="SupportedBound">Largest rate of false alarms per query that this number of queries leaves possible (95 %, exact Poisson).</param>
internal sealed record CleanReport(int Clients, long Queries, int FalseAlarms, double SupportedBound);
