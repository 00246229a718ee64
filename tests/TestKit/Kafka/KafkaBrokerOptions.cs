namespace Monitoring.TestKit.Kafka;

/// <summary>What a <see cref="KafkaBroker"/> takes its time for; defaults are those of a broker's own configuration, or what one was seen to take.</summary>
public sealed record KafkaBrokerOptions
{
    /// <summary><c>group.initial.rebalance.delay.ms</c>: how long a group that was empty waits for more members.</summary>
    public TimeSpan InitialRebalanceDelay { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>From the first question for a coordinator until <c>__consumer_offsets</c> exists: COORDINATOR_NOT_AVAILABLE.</summary>
    public TimeSpan OffsetsTopicCreation { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>After that, and after a restart: COORDINATOR_LOAD_IN_PROGRESS.</summary>
    public TimeSpan CoordinatorLoad { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>From the answer to CreateTopics until metadata names the topic.</summary>
    public TimeSpan TopicPropagation { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>From then until the broker leads its partitions: NOT_LEADER_OR_FOLLOWER.</summary>
    public TimeSpan LeaderPropagation { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary><c>auto.create.topics.enable</c>.</summary>
    public bool AutoCreateTopics { get; init; } = true;

    /// <summary><c>group.min.session.timeout.ms</c> and what else cannot be set is as in Kafka 4.</summary>
    public int MaxRequestBytes { get; init; } = 100 * 1024 * 1024;
}
