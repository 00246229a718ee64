using System.Buffers;
using System.Numerics.Tensors;

namespace Monitoring.Statistics;

/// <summary>
/// MMD² between a fixed sub-reference and the last W rows of a stream (Cobb, Van Looveren and Klaise 2022), O(n·d) a row:
/// kernel sums are kept and changed by the row that enters and the one that leaves.
/// </summary>
public sealed class OnlineMaximumMeanDiscrepancy
{
    private readonly int _columns;
    private readonly int _window;
    private readonly double _scale;
    private readonly int _count;

    // Sub-reference by columns: the distances to all rows are one pass of vector arithmetic.
    private readonly double[] _reference;
    private readonly double _referenceMean;
    private readonly double[] _rows;
    private readonly double[] _withReference;
    private readonly double[] _withinWindow;
    private readonly double[] _squares;
    private readonly double[] _origin;
    private int _next;

    /// <param name="reference">Sub-reference, at least two rows; copied.</param>
    /// <param name="initial">The first W rows of the window, W ≥ 2.</param>
    public OnlineMaximumMeanDiscrepancy(ReadOnlySpan<double> reference, ReadOnlySpan<double> initial, int columns, double sigma)
    {
        _columns = columns;
        _count = GaussianKernel.Rows(reference, columns);
        _window = GaussianKernel.Rows(initial, columns);
        ArgumentOutOfRangeException.ThrowIfLessThan(_count, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(_window, 2);
        _scale = -1 / (2 * sigma * sigma);
        _origin = new double[columns];
        for (var i = 0; i < reference.Length; i++)
        {
            _origin[i % columns] += reference[i] / _count;
        }

        _reference = new double[reference.Length];
        for (var i = 0; i < reference.Length; i++)
        {
            _reference[((i % columns) * _count) + (i / columns)] = reference[i] - _origin[i % columns];
        }

        double total = 0;
        for (var i = 0; i < _count; i++)
        {
            // One row of the Gram matrix at a time: the whole would be n² doubles.
            total += TensorPrimitives.Sum<double>(GaussianKernel.Gram(reference.Slice(i * columns, columns), reference, columns, sigma)) - 1;
        }

        _referenceMean = total / ((double)_count * (_count - 1));
        _rows = new double[_window * columns];
        _withReference = new double[_window];
        _withinWindow = new double[_window * _window];
        _squares = new double[_window];
        for (var i = 0; i < _window; i++)
        {
            Insert(initial.Slice(i * columns, columns), KernelSum(initial.Slice(i * columns, columns)));
        }
    }

    /// <summary>Replaces the oldest row of the window and returns MMD².</summary>
    public double Update(ReadOnlySpan<double> row) => Update(row, KernelSum(row));

    /// <summary>The same with the row's <see cref="KernelSum"/>, taken before.</summary>
    public double Update(ReadOnlySpan<double> row, double kernelSum)
    {
        Insert(row, kernelSum);
        return Statistic();
    }

    /// <summary>Σ k(row, ·) over the sub-reference: the expensive part of an update, and a function of the row alone. Safe to call from several threads at once.</summary>
    public double KernelSum(ReadOnlySpan<double> row)
    {
        if (row.Length != _columns)
        {
            throw new ArgumentException($"a row has {_columns} values, got {row.Length}", nameof(row));
        }

        var squares = ArrayPool<double>.Shared.Rent(_count);
        try
        {
            return KernelSum(row, squares.AsSpan(0, _count));
        }
        finally
        {
            ArrayPool<double>.Shared.Return(squares);
        }
    }

    /// <summary>The window's rows by slot and the slot that the next row takes.</summary>
    public void Save(CanonicalWriter writer)
    {
        writer.WriteCount(_next);
        writer.WriteDoubles(_rows);
        writer.WriteDoubles(_withReference);
    }

    public void Restore(ref CanonicalReader reader)
    {
        var next = reader.ReadCount();
        double[] rows = reader.ReadDoubles(), withReference = reader.ReadDoubles();
        if (next >= _window || rows.Length != _rows.Length || withReference.Length != _window)
        {
            throw new InvalidDataException("a window of another shape");
        }

        // In the order of the slots: every kernel value is a function of its two rows.
        _next = 0;
        for (var slot = 0; slot < _window; slot++)
        {
            Insert(rows.AsSpan(slot * _columns, _columns), withReference[slot]);
        }

        _next = (int)next;
    }

    /// <summary>MMD² of the present window.</summary>
    public double Statistic()
    {
        var within = TensorPrimitives.Sum<double>(_withinWindow) / ((double)_window * (_window - 1));
        return _referenceMean + within - (2 * TensorPrimitives.Sum<double>(_withReference) / ((double)_window * _count));
    }

    private void Insert(ReadOnlySpan<double> row, double kernelSum)
    {
        if (row.Length != _columns)
        {
            throw new ArgumentException($"a row has {_columns} values, got {row.Length}", nameof(row));
        }

        var slot = _next;
        _next = (_next + 1) % _window;
        row.CopyTo(_rows.AsSpan(slot * _columns, _columns));
        _withReference[slot] = kernelSum;
        for (var i = 0; i < _window; i++)
        {
            double squared = 0;
            for (var c = 0; c < _columns; c++)
            {
                var difference = _rows[(i * _columns) + c] - row[c];
                squared += difference * difference;
            }

            _squares[i] = squared * _scale;
        }

        TensorPrimitives.Exp<double>(_squares, _squares);
        _squares[slot] = 0;
        for (var i = 0; i < _window; i++)
        {
            _withinWindow[(slot * _window) + i] = _squares[i];
            _withinWindow[(i * _window) + slot] = _squares[i];
        }
    }

    private double KernelSum(ReadOnlySpan<double> row, Span<double> squares)
    {
        squares.Clear();
        for (var c = 0; c < _columns; c++)
        {
            VectorKernels.AddSquaredDifference(_reference.AsSpan(c * _count, _count), row[c] - _origin[c], squares);
        }

        TensorPrimitives.Multiply(squares, _scale, squares);
        TensorPrimitives.Exp<double>(squares, squares);
        return TensorPrimitives.Sum<double>(squares);
    }
}
