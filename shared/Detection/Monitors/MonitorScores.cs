namespace Monitoring.Detection;

/// <summary>Result of <see cref="IMonitor.ScoreAsync"/>: rows × columns, row-major. Kinds with more to carry derive from it.</summary>
public class MonitorScores(int rows, int columns)
{
    /// <summary>For monitors that need no scoring phase.</summary>
    public static MonitorScores Empty { get; } = new(0, 0);

    public int Rows { get; } = rows;

    public int Columns { get; } = columns;

    public float[] Values { get; } = rows * columns == 0 ? [] : new float[rows * columns];

    public Span<float> Row(int row) => Values.AsSpan(row * Columns, Columns);
}
