namespace Monitoring.Statistics.Tests;

/// <summary>Isotonic regression against scikit-learn, estimated performance against NannyML.</summary>
public sealed class PerformanceGoldenTests
{
    [Fact]
    public void Isotonic_regression_agrees_with_scikit_learn()
    {
        foreach (var item in GoldenFile.Load("isotonic").GetProperty("cases").EnumerateArray())
        {
            double[] x = item.Numbers("x"), y = item.Numbers("y"), w = item.Numbers("w"), query = item.Numbers("query");
            var unweighted = IsotonicCalibration.Fit(x, y);
            var weighted = IsotonicCalibration.Fit(x, y, w);
            GoldenFile.Close(item.Numbers("unweighted"), [.. query.Select(unweighted.Calibrate)], 1e-9, 1e-12);
            GoldenFile.Close(item.Numbers("weighted"), [.. query.Select(weighted.Calibrate)], 1e-9, 1e-12);
            GoldenFile.Close(item.Numbers("pav_of_y_in_given_order"), IsotonicCalibration.PoolAdjacentViolators(y), 1e-9);
        }
    }

    [Fact]
    public void Estimated_performance_agrees_with_NannyML()
    {
        var golden = GoldenFile.Load("cbpe");
        var reference = golden.GetProperty("reference");
        var analysis = golden.GetProperty("analysis");
        var calibration = IsotonicCalibration.Fit(reference.Numbers("y_pred_proba"), reference.Numbers("y_true"));
        var isotonic = golden.GetProperty("isotonic");
        GoldenFile.Close(isotonic.Numbers("calibrated"), [.. isotonic.Numbers("query").Select(calibration.Calibrate)], 1e-9);
        double[] scores = [.. reference.Numbers("y_pred_proba"), .. analysis.Numbers("y_pred_proba")];
        bool[] predicted = [.. reference.Numbers("y_pred").Concat(analysis.Numbers("y_pred")).Select(v => v > 0)];
        bool[] labels = [.. reference.Numbers("y_true").Concat(analysis.Numbers("y_true")).Select(v => v > 0)];
        var estimates = golden.GetProperty("estimates");
        for (var chunk = 0; chunk < 5; chunk++)
        {
            var range = (chunk * 500)..((chunk + 1) * 500);
            var estimate = ConfidenceBasedEstimate.Of(scores[range], predicted[range], calibration);
            double Expected(string metric) => estimates.GetProperty(metric).Numbers("value")[chunk];
            GoldenFile.Close(Expected("accuracy"), estimate.Expected.Accuracy);
            GoldenFile.Close(Expected("precision"), estimate.Expected.Precision);
            GoldenFile.Close(Expected("recall"), estimate.Expected.Recall);
            GoldenFile.Close(Expected("specificity"), estimate.Expected.Specificity);
            GoldenFile.Close(Expected("f1"), estimate.Expected.F1);

            GoldenFile.Close(Expected("roc_auc"), estimate.AreaUnderRoc, 1e-3);
            GoldenFile.Close(estimates.GetProperty("roc_auc").Numbers("realized")[chunk], RankedClassification.AreaUnderRoc(scores[range], labels[range]));
        }
    }
}
