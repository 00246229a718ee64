using Monitoring.Contracts;

namespace Monitoring.Detection;

/// <summary>
/// Consecutive rows of one model version, columnar. Shared by all monitors of the model: read, never write. Missing and unreadable
/// values are NaN; categories are indices into the schema.
/// </summary>
public sealed class RowBatch
{
    private readonly float[] _inputs;
    private readonly float[][] _outputs;
    private readonly RowInfo[] _rows;
    private readonly EventFacts[]? _facts;
    private int[]? _classes;

    /// <param name="model">The model version.</param>
    /// <param name="inputs">rows × width, row-major.</param>
    /// <param name="outputs">One array per entry of <see cref="ModelDescription.Outputs"/>: rows × its width; an empty array when no event carried it.</param>
    /// <param name="rows">Origin of each row.</param>
    /// <param name="events">The events, without their tensors' meaning; empty for reference data from files.</param>
    public RowBatch(ModelDescription model, float[] inputs, float[][] outputs, RowInfo[] rows, IReadOnlyList<InferenceEvent> events)
        : this(model, inputs, outputs, rows, rows.Length, events, null)
    {
    }

    /// <summary>Of arrays that may be longer than the batch.</summary>
    internal RowBatch(ModelDescription model, float[] inputs, float[][] outputs, RowInfo[] rows, int count, IReadOnlyList<InferenceEvent> events, EventFacts[]? facts, IReadOnlyList<RowLabel>? labels = null)
    {
        if (inputs.Length < count * model.Width)
        {
            throw new ArgumentException($"{count} rows of width {model.Width} need {count * model.Width} values, not {inputs.Length}", nameof(inputs));
        }

        if (outputs.Length != model.Outputs.Count)
        {
            throw new ArgumentException($"model {model.Name} has {model.Outputs.Count} outputs, not {outputs.Length}", nameof(outputs));
        }

        for (var i = 0; i < outputs.Length; i++)
        {
            if (outputs[i].Length != 0 && outputs[i].Length < count * model.Outputs[i].Width)
            {
                throw new ArgumentException($"output {model.Outputs[i].Name}: {count} rows of width {model.Outputs[i].Width} need {count * model.Outputs[i].Width} values, not {outputs[i].Length}", nameof(outputs));
            }
        }

        Model = model;
        _inputs = inputs;
        _outputs = outputs;
        _rows = rows;
        _facts = facts;
        Width = model.Width;
        Count = count;
        Events = events;
        Labels = labels ?? [];
    }

    public ModelDescription Model { get; }

    public int Count { get; }

    /// <summary>Floats per row of inputs.</summary>
    public int Width { get; }

    public ReadOnlySpan<RowInfo> Rows => _rows.AsSpan(0, Count);

    /// <summary>Events of the rows, in order: status, latency, violations, attributes. Empty for reference data from files.</summary>
    public IReadOnlyList<InferenceEvent> Events { get; }

    /// <summary>True labels of earlier rows that came between these, by <see cref="RowLabel.RowsBefore"/> ascending.</summary>
    public IReadOnlyList<RowLabel> Labels { get; }

    /// <summary>What the runtime wants to know of an event, without parsing it.</summary>
    internal EventFacts Facts(int index) => _facts is not null
        ? _facts[index]
        : new EventFacts(Events[index].Source?.Instance, Events[index].Source?.StartUnixNano ?? 0, Events[index].Source?.Sequence ?? 0, Events[index] is { Violations.Count: 0, Status: < 400, Error.Length: 0 });

    /// <summary>Count × <see cref="Width"/>, row-major.</summary>
    public ReadOnlyMemory<float> Inputs => _inputs.AsMemory(0, Count * Width);

    public ReadOnlySpan<float> Input(int row) => _inputs.AsSpan(row * Width, Width);

    /// <summary>True when the output came with the rows.</summary>
    public bool HasOutput(int output) => output >= 0 && _outputs[output].Length != 0;

    /// <summary>Count × the output's width, row-major; empty when absent. <paramref name="output"/> indexes <see cref="ModelDescription.Outputs"/>.</summary>
    public ReadOnlyMemory<float> Outputs(int output) =>
        _outputs[output].Length == 0 ? ReadOnlyMemory<float>.Empty : _outputs[output].AsMemory(0, Count * Model.Outputs[output].Width);

    public ReadOnlySpan<float> Output(int output, int row) =>
        _outputs[output].Length == 0 ? [] : _outputs[output].AsSpan(row * Model.Outputs[output].Width, Model.Outputs[output].Width);

    /// <summary>Predicted class of a row from probabilities, logits or label; −1 where the model tells none.</summary>
    public int PredictedClass(int row) => (_classes ??= ComputeClasses())[row];

    /// <summary>The same rows with other inputs, as <paramref name="model"/> describes them; its outputs are those of <see cref="Model"/>.</summary>
    public RowBatch With(ModelDescription model, float[] inputs) => new(model, inputs, _outputs, _rows, Events);

    /// <summary>The rows <paramref name="start"/> … <paramref name="start"/> + <paramref name="count"/> − 1 as a batch of their own (copied).</summary>
    public RowBatch Slice(int start, int count) => Select(Enumerable.Range(start, count).ToArray());

    /// <summary>The given rows, in the given order, as a batch of their own (copied).</summary>
    public RowBatch Select(IReadOnlyList<int> rows)
    {
        var inputs = new float[rows.Count * Width];
        var outputs = new float[_outputs.Length][];
        var infos = new RowInfo[rows.Count];
        for (var o = 0; o < outputs.Length; o++)
        {
            outputs[o] = _outputs[o].Length == 0 ? [] : new float[rows.Count * Model.Outputs[o].Width];
        }

        for (var i = 0; i < rows.Count; i++)
        {
            Input(rows[i]).CopyTo(inputs.AsSpan(i * Width));
            infos[i] = _rows[rows[i]];
            for (var o = 0; o < outputs.Length; o++)
            {
                Output(o, rows[i]).CopyTo(outputs[o].AsSpan(outputs[o].Length == 0 ? 0 : i * Model.Outputs[o].Width));
            }
        }

        return new RowBatch(Model, inputs, outputs, infos, infos.Length, Events, _facts);
    }

    private int[] ComputeClasses()
    {
        var classes = new int[Count];
        var label = Model.IndexOf(OutputRole.Label);
        var scores = Model.IndexOf(OutputRole.Probabilities);
        if (!HasOutput(scores))
        {
            scores = Model.IndexOf(OutputRole.Logits);
        }

        for (var row = 0; row < classes.Length; row++)
        {
            classes[row] = HasOutput(scores) ? Top(Output(scores, row)) : HasOutput(label) ? Code(Output(label, row)[0]) : -1;
        }

        return classes;

        static int Code(float label) => float.IsFinite(label) ? (int)label : -1;
    }

    private static int Top(ReadOnlySpan<float> scores)
    {
        if (scores.Length == 1)
        {
            return float.IsNaN(scores[0]) ? -1 : scores[0] >= 0.5f ? 1 : 0;
        }

        var best = -1;
        for (var i = 0; i < scores.Length; i++)
        {
            if (!float.IsNaN(scores[i]) && (best < 0 || scores[i] > scores[best]))
            {
                best = i;
            }
        }

        return best;
    }
}
