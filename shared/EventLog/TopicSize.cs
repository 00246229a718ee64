namespace Monitoring.EventLog;

/// <summary>Bytes of a topic on disk, and of its write-ahead log among them.</summary>
public readonly record struct TopicSize(string Topic, long Bytes, long WalBytes);
