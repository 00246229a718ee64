namespace Monitoring.TestKit.Kafka;

/// <summary>A topic: its partitions, its settings, and when the broker hears of what the controller has made.</summary>
internal sealed class BrokerTopic(string name, int partitions, TopicSettings settings, TimeSpan knownAt, TimeSpan ledAt)
{
    public string Name => name;

    public List<BrokerPartition> Partitions { get; } = [.. Enumerable.Range(0, partitions).Select(_ => new BrokerPartition())];

    public TopicSettings Settings { get; set; } = settings;

    /// <summary>From when on metadata names it.</summary>
    public TimeSpan KnownAt => knownAt;

    /// <summary>From when on the broker leads its partitions.</summary>
    public TimeSpan LedAt => ledAt;
}
