using Confluent.Kafka;

namespace Monitoring.EventLog.Kafka;

/// <summary>The log's own errors for Kafka's.</summary>
internal static class KafkaFailure
{
    /// <summary>What failed: where a request names partitions, Confluent.Kafka says "partial" and keeps the reason at the partition.</summary>
    public static Error Of(KafkaException exception) => exception switch
    {
        TopicPartitionOffsetException e => e.Results.Find(r => r.Error.IsError)?.Error ?? e.Error,
        TopicPartitionException e => e.Results.Find(r => r.Error.IsError)?.Error ?? e.Error,
        _ => exception.Error,
    };

    public static EventLogException Translate(string what, Error error, Exception? inner = null) => error.Code switch
    {
        _ when IsUnknownTopic(error) => new UnknownTopicException($"{what}: the topic or partition does not exist ({error.Reason})"),
        _ => new EventLogException($"{what}: {error.Reason} ({error.Code})", IsTransient(error), inner),
    };

    /// <summary>Also what a broker answers that has not heard of a new topic yet.</summary>
    public static bool IsUnknownTopic(Error error) => error.Code is ErrorCode.UnknownTopicOrPart or ErrorCode.Local_UnknownTopic or ErrorCode.Local_UnknownPartition;

    public static bool IsTransient(KafkaException exception) => IsTransient(Of(exception));

    public static bool IsTransient(Error error) => error.Code switch
    {
        ErrorCode.Local_Transport or ErrorCode.Local_AllBrokersDown or ErrorCode.Local_TimedOut or ErrorCode.Local_TimedOutQueue or ErrorCode.Local_MsgTimedOut
            or ErrorCode.Local_Resolve or ErrorCode.Local_WaitCoord or ErrorCode.Local_Retry or ErrorCode.Local_Fatal or ErrorCode.Local_PurgeQueue or ErrorCode.Local_PurgeInflight
            or ErrorCode.LeaderNotAvailable or ErrorCode.NotLeaderForPartition or ErrorCode.RequestTimedOut or ErrorCode.BrokerNotAvailable or ErrorCode.ReplicaNotAvailable
            or ErrorCode.NetworkException or ErrorCode.GroupLoadInProgress or ErrorCode.GroupCoordinatorNotAvailable or ErrorCode.NotCoordinatorForGroup
            or ErrorCode.RebalanceInProgress or ErrorCode.NotEnoughReplicas or ErrorCode.NotEnoughReplicasAfterAppend or ErrorCode.KafkaStorageError
            or ErrorCode.NotController or ErrorCode.ThrottlingQuotaExceeded or ErrorCode.ListenerNotFound or ErrorCode.FencedLeaderEpoch or ErrorCode.UnknownLeaderEpoch
            or ErrorCode.OffsetNotAvailable or ErrorCode.UnstableOffsetCommit or ErrorCode.StaleMemberEpoch
            or ErrorCode.UnknownTopicId or ErrorCode.OutOfOrderSequenceNumber or ErrorCode.InvalidProducerEpoch or ErrorCode.UnknownProducerId => true,
        _ => false,
    };
}
