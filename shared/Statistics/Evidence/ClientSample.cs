namespace Monitoring.Statistics;

/// <summary>Draws of one honest client, in order: values, and the slot of each (empty: slot 0).</summary>
public sealed record ClientSample(double[] Values, int[] Slots);
