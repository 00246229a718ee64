namespace Monitoring.Scoring;

/// <summary>The device that scoring runs on, and why.</summary>
/// <param name="Requested">As configured: <c>auto</c>, <c>cpu</c>, <c>cuda:0</c>.</param>
/// <param name="Device">As chosen: <c>cpu</c> or <c>cuda:N</c>.</param>
/// <param name="Reason">One of a few short sentences; also a metric label.</param>
public sealed record DeviceChoice(string Requested, string Device, string Reason);
