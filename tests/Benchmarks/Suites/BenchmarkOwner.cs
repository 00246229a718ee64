using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Benchmarks.Suites;

/// <summary>The one owner of the one partition.</summary>
internal sealed class BenchmarkOwner(string group) : PartitionAssignment
{
    public override string Group => group;

    public override string Topic => Topics.InferenceEvents;

    public override int Partition => 0;

    public override int PartitionCount => 1;

    public override long OwnerEpoch => 1;

    public override bool MayWrite => true;

    public override ValueTask CommitAsync(long nextOffset, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
}
