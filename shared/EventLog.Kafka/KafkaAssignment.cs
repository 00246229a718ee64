using Confluent.Kafka;

namespace Monitoring.EventLog.Kafka;

/// <summary>A partition owned by a member of a Kafka group.</summary>
internal sealed class KafkaAssignment(KafkaSubscription subscription, int partition, long epoch) : PartitionAssignment
{
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(100);
    private readonly SemaphoreSlim _committing = new(1);
    private volatile bool _owned = true;

    public override string Group => subscription.Subscription.Group;

    public override string Topic => subscription.Subscription.Topic;

    public override int Partition { get; } = partition;

    public override int PartitionCount => subscription.PartitionCount;

    public override long OwnerEpoch { get; } = epoch;

    public override bool MayWrite => _owned && subscription.PolledRecently;

    public bool Owned => _owned;

    public void Revoke() => _owned = false;

    public override async ValueTask CommitAsync(long nextOffset, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(nextOffset);
        var position = new TopicPartitionOffset(subscription.BrokerTopic, Partition, nextOffset);
        await _committing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            while (true)
            {
                if (!_owned)
                {
                    throw Lost(nextOffset);
                }

                try
                {
                    await Task.Run(() => subscription.Commit(position), cancellationToken).ConfigureAwait(false);
                    return;
                }
                catch (KafkaException e) when (KafkaFailure.Of(e).Code is ErrorCode.IllegalGeneration or ErrorCode.UnknownMemberId or ErrorCode.StaleMemberEpoch or ErrorCode.Local_AssignmentLost)
                {
                    // Not a verdict on this partition. A broker answers so to every commit that was under way while the group came to a new generation (it looks at one
                    // request of a connection at a time, and the one before was the joining), and a member that keeps its partition commits under the new one. One that
                    // has lost it hears so from its next poll.
                }
                catch (KafkaException e) when (KafkaFailure.Of(e).Code is ErrorCode.FencedInstanceId)
                {
                    throw Lost(nextOffset);
                }
                catch (KafkaException e) when (KafkaFailure.IsTransient(e))
                {
                    subscription.Unreachable($"commit of {Topic}/{Partition}: {KafkaFailure.Of(e).Reason}");
                }
                catch (KafkaException e)
                {
                    throw KafkaFailure.Translate($"commit of {Topic}/{Partition}", KafkaFailure.Of(e), e);
                }

                await Task.Delay(s_retry, subscription.Time, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _committing.Release();
        }
    }

    private EventLogException Lost(long offset) =>
        new($"group '{Group}' no longer owns {Topic}/{Partition} here: offset {offset} was not committed", isTransient: false);
}
