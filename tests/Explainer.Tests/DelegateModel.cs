namespace Monitoring.Explainer.Tests;

/// <summary>A function as a model; counts the rows and runs it was asked for.</summary>
internal sealed class DelegateModel(int columns, int outputs, Action<ReadOnlyMemory<float>, Memory<double>> score) : IRowModel
{
    private int _rows;
    private int _runs;

    public int Columns => columns;

    public int Outputs => outputs;

    public int Rows => _rows;

    public int Runs => _runs;

    /// <summary>Runs before every batch.</summary>
    public Action? BeforeRun { get; set; }

    public void Score(ReadOnlyMemory<float> rows, int count, Span<double> results, CancellationToken cancellationToken)
    {
        BeforeRun?.Invoke();
        var one = new double[outputs];
        for (var i = 0; i < count; i++)
        {
            score(rows.Slice(i * columns, columns), one);
            one.CopyTo(results[(i * outputs)..]);
        }

        Interlocked.Add(ref _rows, count);
        Interlocked.Increment(ref _runs);
    }
}
