namespace Monitoring.Detection;

/// <summary>A window's test.</summary>
/// <param name="Rows">Rows in the window.</param>
/// <param name="Statistic">The test's statistic; of several columns, that of the smallest p-value.</param>
/// <param name="PValue">p of the window alone, corrected for the number of columns. It controls one look, not the stream: evidence does that.</param>
/// <param name="Columns">Per column, where the test is per column.</param>
public sealed record WindowOutcome(int Rows, double Statistic, double PValue, IReadOnlyList<WindowColumn> Columns);

/// <summary>One column of a window's test.</summary>
/// <param name="Name">Column.</param>
/// <param name="Statistic">Of this column.</param>
/// <param name="PValue">Of this column, not corrected.</param>
public sealed record WindowColumn(string Name, double Statistic, double PValue);
