using System.Text.Json.Serialization;

namespace Monitoring.AllInOne.Backtest;

/// <summary>What came out; members that a kind does not have are absent.</summary>
internal sealed record BacktestResult
{
    public required string Kind { get; init; }

    public required string Options { get; init; }

    public required int ReferenceRows { get; init; }

    public required int Rows { get; init; }

    public required int Columns { get; init; }

    /// <summary>Device and threads that scored.</summary>
    public required string Device { get; init; }

    public required int Threads { get; init; }

    /// <summary>Scoring and applying all rows, loading and fitting excluded.</summary>
    public required double Seconds { get; init; }

    public required double RowsPerSecond { get; init; }

    public required double FitSeconds { get; init; }

    /// <summary>Of the score, against the labels.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Auroc { get; init; }

    /// <summary>Per row.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<double>? Score { get; init; }

    /// <summary>Conformal p-value per row, against the calibration scores; uniform on clean rows.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<double>? P { get; init; }

    /// <summary>Natural logarithm of the evidence after each row; of the row that alarmed, before the restart.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<double>? LogEvidence { get; init; }

    /// <summary>ln of the level.</summary>
    public required double LogLevel { get; init; }

    /// <summary>Rows at which the evidence crossed the level.</summary>
    public required IReadOnlyList<int> Alarms { get; init; }

    /// <summary>Of each alarm: the row at which its evidence began and the variables that carried it.</summary>
    public required IReadOnlyList<BacktestAlarm> AlarmDetails { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<BacktestWindow>? Windows { get; init; }

    /// <summary>Certain findings: broken schema, unseen categories, and the like.</summary>
    public required IReadOnlyList<BacktestReport> Findings { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }
}

/// <summary>An alarm of the evidence.</summary>
internal sealed record BacktestAlarm(int Row, double LogEvidence, long Since, IReadOnlyList<string> Variables);

/// <summary>A window's test, with the evidence after its last row and the time its last row took, the test included.</summary>
internal sealed record BacktestWindow(int First, int Rows, double Statistic, double P, double LogEvidence, double Seconds, IReadOnlyList<BacktestColumn> Columns);

/// <summary>A column of a window's test.</summary>
internal sealed record BacktestColumn(string Name, double Statistic, double P);

/// <summary>A certain finding.</summary>
internal sealed record BacktestReport(int Row, string Key, string Summary);
