using Monitoring.Adversarial;
using Monitoring.Alerting;
using Monitoring.AllInOne.Demo;
using Monitoring.AllInOne.Backtest;
using Monitoring.AllInOne.Docs;
using Monitoring.AllInOne.Drills;
using Monitoring.WebConsole;
using Monitoring.Drift;
using Monitoring.Explainer;
using Monitoring.Extraction;
using Monitoring.Hosting;
using Monitoring.Inference;
using Monitoring.Leakage;
using Monitoring.Outlier;
using Monitoring.Quality;
using Monitoring.Replay;
using Monitoring.Replay.Comparing;
using Monitoring.Replay.Evidence;
using Monitoring.Replay.Exchange;
using Monitoring.Replay.Replaying;
using Monitoring.Replay.Search;

namespace Monitoring.AllInOne;

internal static class Program
{
    /// <summary>The list of all modules.</summary>
    internal static IReadOnlyList<IServiceModule> Modules { get; } =
    [
        new InferenceModule(),
        new DriftModule(),
        new OutlierModule(),
        new AdversarialModule(),
        new ExtractionModule(),
        new LeakageModule(),
        new QualityModule(),
        new ExplainerModule(),
        new AlertingModule(),
        new ReplayModule(),
        new ConsoleModule(),
    ];

    private static Task<int> Main(string[] args) => MonitoringApplication.RunAsync(
        args,
        Modules,
        new DemoVerb(Modules),
        new FitVerb(Modules),
        new DrillVerb(Modules),
        new CanaryVerb(),
        new ProfileVerb(Modules),
        new SearchVerb(),
        new ReplayVerb(Modules),
        new EvidenceVerb(),
        new CompareVerb(Modules),
        new ReviewVerb(),
        new ExportVerb(),
        new ImportVerb(),
        new ExplainVerb(Modules),
        new AlertVerb(),
        new RespondVerb(),
        new EraseVerb(),
        new BacktestVerb(Modules),
        new ReportVerb(Modules),
        new DocsVerb(Modules));
}
