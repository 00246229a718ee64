using Monitoring.Detection;

namespace Monitoring.Benchmarks;

/// <summary>An outlier task: fit on the reference, judge the rest.</summary>
/// <param name="Construction">How it was made; see <see cref="HeldOutTasks"/>.</param>
internal sealed record HeldOutTask(string DataSet, string Construction, RowBatch Reference, RowBatch Judged, bool[] Outlier);
