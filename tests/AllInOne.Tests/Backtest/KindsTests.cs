using Microsoft.Extensions.DependencyInjection;
using Monitoring.Adversarial;
using Monitoring.AllInOne.Backtest;
using Monitoring.Detection;
using Monitoring.Drift;
using Monitoring.Extraction;
using Monitoring.Hosting;
using Monitoring.Leakage;
using Monitoring.Outlier;
using Monitoring.Quality;

namespace Monitoring.AllInOne.Tests;

public sealed class KindsTests
{
    [Fact]
    public async Task Backtest_can_make_every_kind_of_every_service()
    {
        IServiceModule[] modules = [new DriftModule(), new OutlierModule(), new AdversarialModule(), new ExtractionModule(), new LeakageModule(), new QualityModule()];
        await using var provider = BacktestVerb.BuildServices(modules, "cpu");
        var kinds = new MonitorKinds(provider.GetServices<IMonitorKind>());
        Assert.Superset(
            new HashSet<string>(["evidence", "ks", "mmd", "knn", "outlier", "quality", "cbpe", "isolation-forest", "ecod"], StringComparer.Ordinal),
            kinds.Names.ToHashSet(StringComparer.Ordinal));
        Assert.All(kinds.Names, name => Assert.NotEmpty(kinds[name].Description));
    }
}
