namespace Monitoring.Benchmarks.Detecting;

/// <summary>One kind of clean traffic.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Clients">Client names in it.</param>
/// <param name="Queries">Queries.</param>
/// <param name="Alarms">By monitor.</param>
/// <param name="First">Query of the first alarm, by monitor that alarmed.</param>
internal sealed record UnseenCleanResult(string Name, int Clients, int Queries, IReadOnlyDictionary<string, int> Alarms, IReadOnlyDictionary<string, int> First);
