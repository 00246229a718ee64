using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>One variable: the probability that the row's prediction is right, by calibrated confidence.</summary>
internal sealed class CbpeMonitor(int output, IsotonicCalibration calibration) : RowScoringMonitor([new Variable("estimated correctness") { OwnAlarm = true, Severity = Severity.Change }])
{
    protected override void Score(RowBatch rows, Span<float> scores)
    {
        for (var row = 0; row < rows.Count; row++)
        {
            scores[row] = rows.HasOutput(output) ? (float)calibration.Calibrate(CbpeKind.Top(rows.Output(output, row)).Probability) : float.NaN;
        }
    }
}
