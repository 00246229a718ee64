using System.Buffers;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

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

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, QueryBudgetOptions options, CancellationToken cancellationToken)
    {
        if (options.Period <= TimeSpan.Zero)
        {
            throw new FitException("the period of query-budget must be longer than nothing");
        }

        var all = context.Reference.All;
        var frequent = SharedQueries.Frequent(all, row => StableHash.Of(MemoryMarshal.AsBytes(all.Input(row)), context.Seed));
        if (frequent is null)
        {
            context.Warn(SharedQueries.TooMuchShared);
        }

        var bytes = new ArrayBufferWriter<byte>();
        SharedQueries.WriteFrequent(new CanonicalWriter(bytes), frequent);
        return ValueTask.FromResult(new FittedParameters(bytes.WrittenMemory));
    }

    protected override IMonitor Create(MonitorContext context, QueryBudgetOptions options)
    {
        // Profiles of earlier builds say nothing about what clients share.
        if (context.Parameters.IsEmpty)
        {
            return new QueryBudgetMonitor(options, null, context.Seed);
        }

        var reader = new CanonicalReader(context.Parameters.Span);
        var frequent = SharedQueries.ReadFrequent(ref reader);
        reader.ExpectEnd();
        return new QueryBudgetMonitor(options, frequent, context.Seed);
    }
}
