namespace Monitoring.Scoring;

/// <summary>A row-major matrix over memory that the caller owns.</summary>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
public readonly record struct Matrix<T>
    where T : unmanaged
{
    /// <param name="values">Exactly rows × columns elements.</param>
    public Matrix(ReadOnlyMemory<T> values, int rows, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        if ((long)rows * columns != values.Length)
        {
            throw new ArgumentException($"{rows} × {columns} needs {(long)rows * columns} values, got {values.Length}", nameof(values));
        }

        Values = values;
        Rows = rows;
        Columns = columns;
    }

    public ReadOnlyMemory<T> Values { get; }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>One row.</summary>
    public ReadOnlySpan<T> Row(int index) => Values.Span.Slice(index * Columns, Columns);

    /// <summary>A run of rows, without a copy.</summary>
    public Matrix<T> Slice(int first, int count) => new(Values.Slice(first * Columns, count * Columns), count, Columns);

    internal ScoringTensor ToTensor(string name) => ScoringTensor.Create(name, Values, Rows, Columns);
}
