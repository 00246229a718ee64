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
    private static readonly IServiceModule[] s_modules =
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
        s_modules,
        new DemoVerb(s_modules),
        new FitVerb(s_modules),
        new DrillVerb(s_modules),
        new CanaryVerb(),
        new ProfileVerb(s_modules),
        new SearchVerb(),
        new ReplayVerb(s_modules),
        new EvidenceVerb(),
        new CompareVerb(s_modules),
        new ReviewVerb(),
        new ExportVerb(),
        new ImportVerb(),
        new ExplainVerb(s_modules),
        new AlertVerb(),
        new RespondVerb(),
        new BacktestVerb(s_modules),
        new ReportVerb(s_modules),
        new DocsVerb(s_modules));
}
