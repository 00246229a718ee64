namespace Monitoring.EventLog.Embedded;

/// <summary>Where an encoded record lies in the buffer of its request, and where it goes.</summary>
internal readonly record struct RecordSlice(int Partition, int Start, int Length);
