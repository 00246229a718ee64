using Monitoring.Statistics;

namespace Monitoring.Quality.Reporting;

/// <summary>Realised performance where labels came with the data, else its estimate from confidence that is calibrated on the reference's labels (CBPE); the reference's own beside it.</summary>
internal static class PerformanceComparison
{
    private const int Simulations = 200;
    private const int FewestLabels = 50;

    /// <summary>Two-sided 99 %: a fall without an objective is harm beyond it.</summary>
    private const double Z99 = 2.5758293035489004;

    /// <summary>Fall of a share, or relative rise of a loss, that is not worth a page.</summary>
    private const double Tolerance = 0.02;

    /// <summary>Null where there are neither labels nor calibrated confidence.</summary>
    public static ReportPerformance? Compare(ReportSample reference, ReportSample data, ReportObjective? objective)
    {
        var before = Realised(reference);
        var now = Realised(data);
        var isEstimate = now is null;
        now ??= Estimated(reference, data);
        if (now is null)
        {
            return null;
        }

        var measures = now.Where(m => !double.IsNaN(m.Value)).Select(m =>
        {
            var usual = before?.Where(b => b.Name == m.Name && !double.IsNaN(b.Value)).Select(b => (MeasureInterval?)b).FirstOrDefault();
            var threshold = objective is { } o && o.Metric == m.Name ? o.Threshold : (double?)null;
            return new ReportMeasure(m.Name, m, usual, threshold, Level(m, usual, threshold, objective is not null));
        }).ToList();
        if (objective is { } promised && measures.TrueForAll(m => m.Objective is null))
        {
            throw new ReportUsageException($"the objective is {promised.Metric}, which {(isEstimate ? "cannot be estimated without labels" : "these predictions do not have")}; known here: {string.Join(", ", measures.Select(m => m.Name))}");
        }

        return new ReportPerformance(isEstimate, measures, objective?.ToString());
    }

    /// <summary>Accuracy of a classifier in some rows, mean absolute error of a regressor; null without labels.</summary>
    public static MeasureInterval? Of(ReportSample sample, IEnumerable<int> rows)
    {
        if (sample.Truth is not { } truth)
        {
            return null;
        }

        var labelled = rows.Where(r => double.IsFinite(truth[r])).ToList();
        return labelled.Count == 0 ? null
            : sample.Classes is { } classes ? PerformanceMeasures.Share("accuracy", labelled.Count(r => classes[r] == (int)truth[r]), labelled.Count)
            : sample.Values is { } values ? PerformanceMeasures.Mean("mae", [.. labelled.Select(r => Math.Abs(values[r] - truth[r]))])
            : null;
    }

    private static ReportLevel Level(MeasureInterval now, MeasureInterval? usual, double? threshold, bool isPromised)
    {
        var sign = now.HigherIsBetter ? 1 : -1;
        if (threshold is { } worst)
        {
            var (better, value) = now.HigherIsBetter ? (now.High, now.Value) : (now.Low, now.Value);
            return sign * better < sign * worst ? ReportLevel.Harm : sign * value < sign * worst ? ReportLevel.Change : ReportLevel.Fine;
        }

        // The calibration error is biased upwards with few rows: it is shown, not judged.
        if (usual is not { } before || now.Name == "calibration-error")
        {
            return ReportLevel.Fine;
        }

        var fall = sign * (before.Value - now.Value);
        double a = (now.High - now.Low) / 2, b = (before.High - before.Low) / 2;
        var noise = Math.Sqrt((a * a) + (b * b)) / PerformanceMeasures.Z95;
        var worth = now.HigherIsBetter ? Tolerance : 5 * Tolerance * before.Value;
        return fall > Z99 * noise && fall > worth ? isPromised ? ReportLevel.Change : ReportLevel.Harm : ReportLevel.Fine;
    }

    private static IReadOnlyList<MeasureInterval>? Realised(ReportSample sample)
    {
        if (sample.Truth is not { } truth || !sample.HasPredictions)
        {
            return null;
        }

        var rows = Enumerable.Range(0, sample.Rows).Where(r => double.IsFinite(truth[r]) && (sample.Classes is null || sample.Classes[r] >= 0) && (sample.Values is null || double.IsFinite(sample.Values[r]))).ToArray();
        if (rows.Length < FewestLabels)
        {
            return null;
        }

        if (sample.Classes is { } classes)
        {
            var count = Math.Max(2, Math.Max(sample.ClassCount, 1 + rows.Max(r => Math.Max(classes[r], (int)truth[r]))));
            float[] probabilities = sample.Probabilities is not null && sample.ClassCount == count ? [.. rows.SelectMany(r => sample.Probability(r).ToArray())] : [];
            return PerformanceMeasures.OfClassifier([.. rows.Select(r => (int)truth[r])], [.. rows.Select(r => classes[r])], probabilities, count);
        }

        return PerformanceMeasures.OfRegressor([.. rows.Select(r => truth[r])], [.. rows.Select(r => sample.Values![r])]);
    }

    /// <summary>
    /// Truth is drawn from the calibrated confidence and realised performance computed on it, again and again, over rows drawn with replacement and with the calibration fitted on half as many
    /// reference rows drawn with replacement (for isotonic regression the plain bootstrap is too sure of itself: measured, 80 % coverage instead of 95 %): the spread holds what sampling, labels and calibration leave
    /// open. The interval is the basic bootstrap's, reflected at the estimate, which takes the calibration's optimism out. What it cannot hold is concept drift.
    /// </summary>
    private static List<MeasureInterval>? Estimated(ReportSample reference, ReportSample data)
    {
        if (reference.Truth is not { } truth || reference.Probabilities is null || data.Probabilities is null || reference.ClassCount != data.ClassCount)
        {
            return null;
        }

        var labelled = Enumerable.Range(0, reference.Rows).Where(r => double.IsFinite(truth[r]) && reference.Classes![r] >= 0).ToArray();
        var rows = Enumerable.Range(0, data.Rows).Where(r => data.Classes![r] >= 0).ToArray();
        if (labelled.Length < FewestLabels || rows.Length == 0)
        {
            return null;
        }

        var isBinary = reference.ClassCount == 2;

        // Binary: P(positive) from the positive's score. More classes: P(right) from the top score.
        double Score(ReportSample sample, int row) => isBinary ? sample.Probability(row)[1] : sample.Probability(row)[sample.Classes![row]];
        double[] x = [.. labelled.Select(r => Score(reference, r))], y = [.. labelled.Select(r => isBinary ? (truth[r] == 1 ? 1.0 : 0) : (reference.Classes![r] == (int)truth[r] ? 1.0 : 0))];
        double[] scores = [.. rows.Select(r => Score(data, r))];
        bool[] predicted = [.. rows.Select(r => data.Classes![r] == 1)];
        var calibration = IsotonicCalibration.Fit(x, y);
        double accuracy;
        double f1 = double.NaN, auroc = double.NaN;
        if (isBinary)
        {
            var estimate = ConfidenceBasedEstimate.Of(scores, predicted, calibration);
            (accuracy, f1, auroc) = (estimate.Expected.Accuracy, estimate.Expected.F1, estimate.AreaUnderRoc);
        }
        else
        {
            accuracy = scores.Average(calibration.Calibrate);
        }

        var simulated = new double[3][];
        for (var i = 0; i < 3; i++)
        {
            simulated[i] = new double[Simulations];
        }

        double[] sx = new double[(x.Length + 1) / 2], sy = new double[(x.Length + 1) / 2], ss = new double[scores.Length];
        var positive = new bool[scores.Length];
        var decision = new bool[scores.Length];
        for (var s = 0; s < Simulations; s++)
        {
            var seed = (ulong)s << 33;
            for (var i = 0; i < sx.Length; i++)
            {
                var at = (int)(Mixing.Uniform(seed + (ulong)i) * x.Length);
                (sx[i], sy[i]) = (x[at], y[at]);
            }

            var refitted = IsotonicCalibration.Fit(sx, sy);
            var sums = new ConfusionSums();
            double right = 0;
            for (var i = 0; i < scores.Length; i++)
            {
                var at = (int)(Mixing.Uniform(seed + (1UL << 31) + (ulong)i) * scores.Length);
                (ss[i], decision[i]) = (scores[at], predicted[at]);
                positive[i] = Mixing.Uniform(seed + (1UL << 32) + (ulong)i) < refitted.Calibrate(ss[i]);
                right += positive[i] ? 1 : 0;
                sums += (decision[i], positive[i]) switch
                {
                    (true, true) => new ConfusionSums(1, 0, 0, 0),
                    (true, false) => new ConfusionSums(0, 1, 0, 0),
                    (false, false) => new ConfusionSums(0, 0, 1, 0),
                    _ => new ConfusionSums(0, 0, 0, 1),
                };
            }

            simulated[0][s] = isBinary ? sums.Accuracy : right / scores.Length;
            simulated[1][s] = isBinary ? sums.F1 : double.NaN;
            simulated[2][s] = isBinary ? RankedClassification.AreaUnderRoc(ss, positive) : double.NaN;
        }

        return [Interval("accuracy", accuracy, simulated[0]), Interval("f1", f1, simulated[1]), Interval("auroc", auroc, simulated[2])];

        MeasureInterval Interval(string name, double value, double[] values)
        {
            if (double.IsNaN(value))
            {
                return new MeasureInterval(name, double.NaN, double.NaN, double.NaN, rows.Length);
            }

            Array.Sort(values);
            return new MeasureInterval(name, value, Math.Clamp((2 * value) - values[(int)Math.Ceiling(0.975 * Simulations) - 1], 0, value), Math.Clamp((2 * value) - values[(int)(0.025 * Simulations)], value, 1), rows.Length);
        }
    }
}
