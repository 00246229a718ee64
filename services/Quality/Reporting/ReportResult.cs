using Monitoring.Statistics;

namespace Monitoring.Quality.Reporting;

/// <summary>What the report found; <c>--json</c> writes it as it is.</summary>
/// <param name="Verdict">The worst level of all that follows.</param>
/// <param name="Headlines">Sentences for people, the worst first.</param>
/// <param name="Model">Name of the model; null when only files were compared.</param>
internal sealed record ReportResult(
    ReportLevel Verdict,
    IReadOnlyList<ReportHeadline> Headlines,
    string? Model,
    ReportSide Reference,
    ReportSide Data,
    ReportPerformance? Performance,
    IReadOnlyList<VariableDrift> Drift,
    ReportCarriers? Carriers,
    IReadOnlyList<ReportSlice> Slices,
    IReadOnlyList<QualityLine> Quality,
    IReadOnlyList<string> Notes);

internal sealed record ReportHeadline(ReportLevel Level, string Text);

/// <summary>One side of the comparison.</summary>
internal sealed record ReportSide(string Name, int Rows, int Columns, double DuplicateShare);

/// <param name="IsEstimate">True: no labels came with the data; confidence calibrated on the reference's labels says it.</param>
/// <param name="Measures">Measures of the data; the reference's beside them where it has labels.</param>
/// <param name="Objective">What was promised; null when nothing was.</param>
internal sealed record ReportPerformance(bool IsEstimate, IReadOnlyList<ReportMeasure> Measures, string? Objective);

/// <param name="Objective">Threshold of this measure; null for none.</param>
internal sealed record ReportMeasure(string Name, MeasureInterval Data, MeasureInterval? Reference, double? Objective, ReportLevel Level);

/// <param name="Effect">Share of the rows that moved, net of what chance moves: KS distance of numbers, total variation of categories, less their expectation without change; 0 to 1.</param>
/// <param name="Distance">The distance as it is, with chance.</param>
/// <param name="PValue">Of the test.</param>
/// <param name="Adjusted">By Benjamini and Hochberg over all variables.</param>
/// <param name="ShiftSd">Difference of means in reference standard deviations; NaN for categories.</param>
/// <param name="Wasserstein">Distance in the variable's unit; NaN for categories.</param>
/// <param name="Impact">Mean change of the model's answer when only this variable moves as it did; null without a model.</param>
internal sealed record VariableDrift(
    string Name,
    string Unit,
    bool IsInput,
    bool IsCategorical,
    string Test,
    double Effect,
    double Distance,
    double PValue,
    double Adjusted,
    double ReferenceMean,
    double DataMean,
    double ShiftSd,
    double Wasserstein,
    double? Impact,
    ReportLevel Level,
    Distribution Distribution);

/// <summary>Both sides over the same cells, as shares of the rows that have a value.</summary>
/// <param name="Labels">Categories; null for numbers.</param>
/// <param name="Edges">Cell borders of numbers, one more than cells; null for categories.</param>
internal sealed record Distribution(IReadOnlyList<string>? Labels, double[]? Edges, double[] Reference, double[] Data);

/// <summary>The one or two features from which data and reference are told apart best.</summary>
/// <param name="Features">One or two.</param>
/// <param name="Auroc">Probability that a row of the data is told from one of the reference by them alone.</param>
/// <param name="AllAuroc">By all features together.</param>
/// <param name="Share">(Auroc − ½)/(AllAuroc − ½), at most 1.</param>
internal sealed record ReportCarriers(IReadOnlyList<string> Features, double Auroc, double AllAuroc, double Share);

/// <summary>A part of the rows whose share changed most.</summary>
/// <param name="Condition">In words.</param>
/// <param name="Performance">Accuracy (or MAE) of the data in this part; null without labels.</param>
internal sealed record ReportSlice(string Condition, MeasureInterval Reference, MeasureInterval Data, MeasureInterval? Performance);

/// <summary>One check of one column.</summary>
internal sealed record QualityLine(string Column, string Check, double Reference, double Data, ReportLevel Level, string Text);
