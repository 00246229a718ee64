using System.Text;
using Monitoring.Contracts;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>Turns events of one model version into rows. An event that does not fit the schema becomes one row of NaN: it is still seen.</summary>
internal sealed class RowBatchBuilder(ModelDescription model)
{
    /// <summary>Most floats that one event may become, outputs included: 256 MiB.</summary>
    private const long MaxFloats = 64L * 1024 * 1024;

    private readonly int _width = model.Width;
    private readonly long _rowFloats = model.Width + model.Outputs.Sum(o => (long)o.Width);
    private readonly byte[][] _inputNames = [.. model.InputTensors.Select(Encoding.UTF8.GetBytes)];
    private readonly byte[][] _outputNames = [.. model.Outputs.Select(o => Encoding.UTF8.GetBytes(o.Name))];
    private readonly int[] _inputAt = new int[model.InputTensors.Count];
    private readonly int[] _outputAt = new int[model.Outputs.Count];
    private readonly float[][] _outputs = [.. model.Outputs.Select(_ => Array.Empty<float>())];
    private float[] _inputs = [];
    private RowInfo[] _rows = [];
    private ReadOnlyMemory<byte>[] _events = [];
    private EventFacts[] _facts = [];
    private int _rowCount;
    private int _eventCount;
    private List<RowLabel> _labels = [];

    public int Count => _rowCount;

    public bool IsEmpty => _rowCount == 0 && _labels.Count == 0;

    /// <summary>Appends a true label after the rows so far.</summary>
    public void Add(TrueLabel label, long offset, long timeUnixNano) => _labels.Add(new RowLabel(_rowCount, label, offset, timeUnixNano));

    /// <summary>Makes room for as many more events of one row.</summary>
    public void Expect(int events)
    {
        if (_events.Length < _eventCount + events)
        {
            Array.Resize(ref _events, _eventCount + events);
            Array.Resize(ref _facts, _eventCount + events);
        }

        Grow(_rowCount + events);
    }

    /// <summary>Appends the rows of an event.</summary>
    /// <param name="decoded">The event.</param>
    /// <param name="tensors">Tensors of the reader that read it.</param>
    /// <param name="admission">Decides which rows are independent draws; unreadable ones never are.</param>
    public void Add(in DecodedEvent decoded, ReadOnlySpan<TensorRange> tensors, AdmissionRule admission)
    {
        var bytes = decoded.Bytes.Span;
        var inputs = tensors.Slice(decoded.FirstTensor, decoded.Inputs);
        var outputs = tensors.Slice(decoded.FirstTensor + decoded.Inputs, decoded.Outputs);
        Locate(bytes, outputs, _outputNames, _outputAt);
        Locate(bytes, inputs, _inputNames, _inputAt);
        var rows = RowsOf(inputs);
        var readable = rows > 0;
        rows = Math.Max(1, rows);
        var first = _rowCount;
        if (_rows.Length < first + rows)
        {
            Grow(Math.Max(first + rows, 2 * first));
        }

        if (readable && !TryReadInputs(bytes, inputs, rows, _inputs.AsSpan(first * _width, rows * _width)))
        {
            readable = false;
        }

        if (!readable)
        {
            rows = 1;
            _inputs.AsSpan(first * _width, _width).Fill(float.NaN);
        }

        for (var o = 0; o < _outputs.Length; o++)
        {
            var width = model.Outputs[o].Width;
            var values = _outputs[o].AsSpan(first * width, rows * width);
            var at = _outputAt[o];
            if (at < 0 || outputs[at].Elements != rows * width || !TryRead(bytes, outputs[at], values))
            {
                values.Fill(float.NaN);
            }
        }

        var clientHash = StableHash.Of(decoded.Client);
        var idHash = StableHash.Of(decoded.Id);
        for (var row = 0; row < rows; row++)
        {
            var inputHash = StableHash.Of(_inputs.AsSpan((first + row) * _width, _width));
            _rows[first + row] = new RowInfo(
                decoded.Id,
                StableHash.Combine(idHash, (ulong)row),
                inputHash,
                decoded.Client,
                decoded.TimeUnixNano,
                decoded.Offset,
                row,
                _eventCount,
                readable && admission.Offer(clientHash, inputHash, decoded.TimeUnixNano / 1_000_000) == Admission.Draw);
        }

        if (_eventCount == _events.Length)
        {
            Array.Resize(ref _events, Math.Max(4, 2 * _eventCount));
            Array.Resize(ref _facts, _events.Length);
        }

        _events[_eventCount] = decoded.Bytes;
        _facts[_eventCount++] = decoded.Facts;
        _rowCount += rows;
    }

    /// <summary>The rows added so far; the builder is empty afterwards.</summary>
    public RowBatch Build()
    {
        var batch = new RowBatch(model, _inputs, [.. _outputs], _rows, _rowCount, new EncodedEvents(_events, _eventCount), _facts, _labels);
        _labels = [];
        _inputs = [];
        Array.Fill(_outputs, []);
        _rows = [];
        _events = [];
        _facts = [];
        _rowCount = 0;
        _eventCount = 0;
        return batch;
    }

    /// <summary>Index of the first tensor with each of the names; −1 where there is none. Tensors in the order of the names, as a rule, are seen once.</summary>
    private static void Locate(ReadOnlySpan<byte> bytes, ReadOnlySpan<TensorRange> tensors, byte[][] names, int[] at)
    {
        for (var i = 0; i < names.Length; i++)
        {
            at[i] = i;
            if (i >= tensors.Length || !Has(bytes, tensors[i], names[i]))
            {
                Search(bytes, tensors, names, at);
                return;
            }
        }
    }

    private static void Search(ReadOnlySpan<byte> bytes, ReadOnlySpan<TensorRange> tensors, byte[][] names, int[] at)
    {
        for (var i = 0; i < names.Length; i++)
        {
            at[i] = -1;
            for (var t = 0; t < tensors.Length && at[i] < 0; t++)
            {
                at[i] = Has(bytes, tensors[t], names[i]) ? t : -1;
            }
        }
    }

    private static bool Has(ReadOnlySpan<byte> bytes, in TensorRange tensor, byte[] name) => bytes.Slice(tensor.NameAt, tensor.NameLength).SequenceEqual(name);

    private static bool TryRead(ReadOnlySpan<byte> bytes, in TensorRange tensor, Span<float> values, FeatureSchema? feature = null) =>
        TensorReader.TryRead(tensor.Type, bytes.Slice(tensor.DataAt, tensor.DataLength), values, feature);

    /// <summary>Tensor of the input at <paramref name="index"/>: by its name where the model names them.</summary>
    private int Input(int index) => _inputNames.Length > 0 ? _inputAt[index] : index;

    /// <summary>Rows of the event; 0 when it cannot be read as rows of this model. Decided before anything is allocated.</summary>
    private int RowsOf(ReadOnlySpan<TensorRange> inputs)
    {
        var count = _inputNames.Length > 0 ? _inputNames.Length : inputs.Length;
        if (count == 0)
        {
            return 0;
        }

        var elements = 0L;
        var first = -1;
        for (var i = 0; i < count; i++)
        {
            var at = Input(i);
            first = i == 0 ? at : first;
            if (at < 0 || inputs[at].Elements <= 0)
            {
                return 0;
            }

            elements += inputs[at].Elements;
        }

        // A client that sends one row without a batch dimension is understood.
        var rows = count == 1 && elements == _width ? 1 : inputs[first].Rows;
        return elements == (long)rows * _width && rows * _rowFloats <= MaxFloats ? rows : 0;
    }

    private bool TryReadInputs(ReadOnlySpan<byte> bytes, ReadOnlySpan<TensorRange> inputs, int rows, Span<float> target)
    {
        var count = _inputNames.Length > 0 ? _inputNames.Length : inputs.Length;
        var column = 0;
        for (var i = 0; i < count; i++)
        {
            var at = Input(i);
            var elements = at < 0 ? -1 : inputs[at].Elements;
            if (elements < 0 || elements % rows != 0 || column + (elements / rows) > _width)
            {
                return false;
            }

            var width = elements / rows;
            var feature = width == 1 && column < model.Schema.Features.Count ? model.Schema.Features[column] : null;
            if (width == _width)
            {
                if (!TryRead(bytes, inputs[at], target, feature))
                {
                    return false;
                }
            }
            else
            {
                var values = new float[elements];
                if (!TryRead(bytes, inputs[at], values, feature))
                {
                    return false;
                }

                for (var row = 0; row < rows; row++)
                {
                    values.AsSpan(row * width, width).CopyTo(target.Slice((row * _width) + column, width));
                }
            }

            column += width;
        }

        return column == _width;
    }

    private void Grow(int rows)
    {
        if (_rows.Length >= rows)
        {
            return;
        }

        Array.Resize(ref _rows, rows);
        Array.Resize(ref _inputs, rows * _width);
        for (var o = 0; o < _outputs.Length; o++)
        {
            Array.Resize(ref _outputs[o], rows * model.Outputs[o].Width);
        }
    }
}
