namespace Monitoring.EventLog;

/// <summary>How far a group is behind on one partition.</summary>
/// <param name="Group">Group.</param>
/// <param name="Topic">Topic.</param>
/// <param name="Partition">Partition.</param>
/// <param name="Records">Offsets between the group's position and the log's end.</param>
/// <param name="Seconds">Age of the next record to process; 0 at the end.</param>
/// <param name="SecondsToRetention">Time until retention may remove that record; null without retention or at the end.</param>
public readonly record struct GroupLag(string Group, string Topic, int Partition, long Records, double Seconds, double? SecondsToRetention);
