using Monitoring.Contracts;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>Turns events of one model version into rows. An event that does not fit the schema becomes one row of NaN: it is still seen.</summary>
internal sealed class RowBatchBuilder(ModelDescription model)
{
    /// <summary>Most floats that one event may become, outputs included: 256 MiB.</summary>
    private const long MaxFloats = 64L * 1024 * 1024;

    private readonly long _rowFloats = model.Width + model.Outputs.Sum(o => (long)o.Width);
    private readonly List<InferenceEvent> _events = [];
    private readonly List<RowInfo> _rows = [];
    private readonly float[][] _outputs = new float[model.Outputs.Count][];
    private float[] _inputs = [];

    public int Count => _rows.Count;

    /// <summary>Appends the rows of an event.</summary>
    /// <param name="inference">The event.</param>
    /// <param name="offset">Its input offset.</param>
    /// <param name="timeUnixNano">Its log time.</param>
    /// <param name="admission">Decides which rows are independent draws; unreadable ones never are.</param>
    public void Add(InferenceEvent inference, long offset, long timeUnixNano, AdmissionRule admission)
    {
        var rows = RowsOf(inference);
        var readable = rows > 0;
        rows = Math.Max(1, rows);
        var first = _rows.Count;
        Grow(first + rows);
        var target = _inputs.AsSpan(first * model.Width, rows * model.Width);
        if (readable && !TryReadInputs(inference, rows, target))
        {
            readable = false;
        }

        if (!readable)
        {
            rows = 1;
            _inputs.AsSpan(first * model.Width, model.Width).Fill(float.NaN);
        }

        for (var o = 0; o < _outputs.Length; o++)
        {
            var width = model.Outputs[o].Width;
            var values = _outputs[o].AsSpan(first * width, rows * width);
            var tensor = Find(inference.Outputs, model.Outputs[o].Name);
            if (tensor is null || TensorReader.Elements(tensor) != rows * width || !TensorReader.TryRead(tensor, values))
            {
                values.Fill(float.NaN);
            }
        }

        var client = inference.Client?.Id ?? "";
        var clientHash = StableHash.Of(client);
        var idHash = StableHash.Of(inference.Id);
        for (var row = 0; row < rows; row++)
        {
            var input = _inputs.AsSpan((first + row) * model.Width, model.Width);
            var info = new RowInfo(
                inference.Id,
                StableHash.Combine(idHash, (ulong)row),
                StableHash.Of(input),
                client,
                timeUnixNano,
                offset,
                row,
                _events.Count,
                Admitted: false);
            _rows.Add(readable ? info with { Admitted = admission.Offer(clientHash, info.InputHash, timeUnixNano / 1_000_000) == Admission.Draw } : info);
        }

        _events.Add(inference);
    }

    /// <summary>The rows added so far; the builder is empty afterwards.</summary>
    public RowBatch Build()
    {
        var batch = new RowBatch(model, _inputs, [.. _outputs.Select(o => o ?? [])], [.. _rows], [.. _events]);
        _inputs = [];
        Array.Clear(_outputs);
        _rows.Clear();
        _events.Clear();
        return batch;
    }

    private static Tensor? Find(IReadOnlyList<Tensor> tensors, string name)
    {
        for (var i = 0; i < tensors.Count; i++)
        {
            if (string.Equals(tensors[i].Name, name, StringComparison.Ordinal))
            {
                return tensors[i];
            }
        }

        return null;
    }

    /// <summary>Rows of the event; 0 when it cannot be read as rows of this model. Decided before anything is allocated.</summary>
    private int RowsOf(InferenceEvent inference)
    {
        var first = model.InputTensors.Count > 0 ? Find(inference.Inputs, model.InputTensors[0]) : inference.Inputs.Count > 0 ? inference.Inputs[0] : null;
        var count = model.InputTensors.Count > 0 ? model.InputTensors.Count : inference.Inputs.Count;
        if (first is null)
        {
            return 0;
        }

        var elements = 0L;
        for (var i = 0; i < count; i++)
        {
            var tensor = model.InputTensors.Count > 0 ? Find(inference.Inputs, model.InputTensors[i]) : inference.Inputs[i];
            var own = tensor is null || tensor.Artifact is not null ? -1 : TensorReader.Elements(tensor);
            if (own <= 0)
            {
                return 0;
            }

            elements += own;
        }

        // A client that sends one row without a batch dimension is understood.
        var rows = count == 1 && elements == model.Width ? 1 : TensorReader.Rows(first);
        return elements == (long)rows * model.Width && rows * _rowFloats <= MaxFloats ? rows : 0;
    }

    private bool TryReadInputs(InferenceEvent inference, int rows, Span<float> target)
    {
        var count = model.InputTensors.Count > 0 ? model.InputTensors.Count : inference.Inputs.Count;
        var column = 0;
        for (var i = 0; i < count; i++)
        {
            var tensor = model.InputTensors.Count > 0 ? Find(inference.Inputs, model.InputTensors[i]) : inference.Inputs[i];
            var elements = tensor is null || tensor.Artifact is not null ? -1 : TensorReader.Elements(tensor);
            if (elements < 0 || elements % rows != 0 || column + (elements / rows) > model.Width)
            {
                return false;
            }

            var width = elements / rows;
            var feature = width == 1 && column < model.Schema.Features.Count ? model.Schema.Features[column] : null;
            if (width == model.Width)
            {
                if (!TensorReader.TryRead(tensor!, target, feature))
                {
                    return false;
                }
            }
            else
            {
                var values = new float[elements];
                if (!TensorReader.TryRead(tensor!, values, feature))
                {
                    return false;
                }

                for (var row = 0; row < rows; row++)
                {
                    values.AsSpan(row * width, width).CopyTo(target.Slice((row * model.Width) + column, width));
                }
            }

            column += width;
        }

        return column == model.Width;
    }

    private void Grow(int rows)
    {
        if (_inputs.Length < rows * model.Width)
        {
            Array.Resize(ref _inputs, Math.Max(rows, _rows.Count * 2) * model.Width);
        }

        for (var o = 0; o < _outputs.Length; o++)
        {
            var needed = rows * model.Outputs[o].Width;
            if ((_outputs[o] ??= []).Length < needed)
            {
                Array.Resize(ref _outputs[o], Math.Max(needed, _outputs[o].Length * 2));
            }
        }
    }
}
