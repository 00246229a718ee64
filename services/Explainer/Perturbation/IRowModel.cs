namespace Monitoring.Explainer;

/// <summary>A model as explanations see it: rows of numbers in, rows of numbers out. Thread-safe.</summary>
internal interface IRowModel
{
    /// <summary>Numbers per input row.</summary>
    int Columns { get; }

    /// <summary>Numbers per output row.</summary>
    int Outputs { get; }

    /// <summary>Scores <paramref name="count"/> rows.</summary>
    /// <param name="rows">count × <see cref="Columns"/>, row-major.</param>
    /// <param name="count">Rows.</param>
    /// <param name="outputs">Gets count × <see cref="Outputs"/> numbers.</param>
    /// <param name="cancellationToken">Ends a run early.</param>
    void Score(ReadOnlyMemory<float> rows, int count, Span<double> outputs, CancellationToken cancellationToken);
}
