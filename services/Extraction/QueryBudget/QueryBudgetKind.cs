using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Extraction;

/// <summary><c>query-budget</c>: see README.md beside this file.</summary>
internal sealed class QueryBudgetKind : MonitorKind<QueryBudgetOptions>
{
    public override string Name => "query-budget";

    public override string Description => "A client, or the clients of one cohort together, asked more distinct queries than a copy of the model needs.";

    public override Family Family => Family.Extraction;

    public override Severity DefaultSeverity => Severity.Change;

    public override string AtlasTechnique => "AML.T0024.002";

    public override MonitorScope Scope => MonitorScope.Client;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, QueryBudgetOptions options, CancellationToken cancellationToken) =>
        options.Period > TimeSpan.Zero ? ValueTask.FromResult(FittedParameters.None) : throw new FitException("the period of query-budget must be longer than nothing");

    protected override IMonitor Create(MonitorContext context, QueryBudgetOptions options) => new QueryBudgetMonitor(options, context.Seed);
}
