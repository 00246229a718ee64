namespace Monitoring.Detection;

/// <summary>A partition's state as a checkpoint left it.</summary>
/// <param name="Manifest">Null when there is no checkpoint yet.</param>
/// <param name="Values">The values, ordered by key.</param>
/// <param name="LateRecords">Records of a former owner that landed after it had lost the partition: left out.</param>
internal sealed record RestoredState(Manifest? Manifest, SortedDictionary<StateKey, byte[]> Values, int LateRecords);
