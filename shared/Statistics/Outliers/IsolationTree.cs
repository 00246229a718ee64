namespace Monitoring.Statistics;

/// <summary>
/// One isolation tree as parallel arrays. A node with <c>Feature</c> −1 is a leaf. A row goes left where its value, in
/// single precision, is at or below the threshold. <c>Samples</c> is the number of training rows that reached the node.
/// </summary>
public sealed record IsolationTree(int[] Feature, double[] Threshold, int[] Left, int[] Right, int[] Samples);
