using System.Runtime.InteropServices;

namespace Monitoring.Statistics;

/// <summary>A measure of performance with its interval.</summary>
/// <param name="Name"><c>accuracy</c>, <c>f1</c>, <c>auroc</c>, <c>log-loss</c>, <c>brier</c>, <c>calibration-error</c>, <c>mae</c>, <c>rmse</c>.</param>
/// <param name="Value">Point estimate; NaN where it is not defined (one class only, no rows).</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
/// <param name="Rows">Rows it rests on.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct MeasureInterval(string Name, double Value, double Low, double High, long Rows)
{
    /// <summary>False for losses and errors.</summary>
    public bool HigherIsBetter => Name is "accuracy" or "f1" or "auroc";
}
