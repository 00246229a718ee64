namespace Monitoring.AllInOne.Drills;

/// <summary>
/// Attacks work on inputs in [0, 1]; models take what they take. Inputs already there stay as they are, images of another range are scaled as a whole, rows column by column, over the range of the clean data: attackers stay
/// inside it.
/// </summary>
internal sealed class InputRange
{
    private readonly float[] _low;
    private readonly float[] _width;

    private InputRange(float[] low, float[] width) => (_low, _width) = (low, width);

    /// <param name="inputs">Clean inputs as the model takes them.</param>
    /// <param name="isImage">Whether all columns mean the same.</param>
    public static InputRange Of(IReadOnlyList<float[]> inputs, bool isImage)
    {
        var columns = inputs[0].Length;
        var (low, high) = (new float[columns], new float[columns]);
        Array.Fill(low, float.PositiveInfinity);
        Array.Fill(high, float.NegativeInfinity);
        foreach (var input in inputs)
        {
            for (var i = 0; i < columns; i++)
            {
                if (float.IsFinite(input[i]))
                {
                    low[i] = Math.Min(low[i], input[i]);
                    high[i] = Math.Max(high[i], input[i]);
                }
            }
        }

        if (low.Min() >= 0 && high.Max() <= 1)
        {
            Array.Fill(low, 0);
            Array.Fill(high, 1);
        }
        else if (isImage)
        {
            Array.Fill(low, low.Min());
            Array.Fill(high, high.Max());
        }

        // A column that never moves (or was never finite) stays where it is.
        return new InputRange(Array.ConvertAll(low, v => float.IsFinite(v) ? v : 0), [.. low.Zip(high, (l, h) => float.IsFinite(h - l) ? h - l : 0)]);
    }

    /// <summary>An input of the model, in [0, 1]; values that are not finite become 0.</summary>
    public float[] ToUnit(float[] input) => [.. input.Select((v, i) => _width[i] > 0 && float.IsFinite(v) ? Math.Clamp((v - _low[i]) / _width[i], 0, 1) : 0)];

    /// <summary>The model's input of values in [0, 1].</summary>
    public float[] ToModel(ReadOnlySpan<float> unit)
    {
        var input = new float[unit.Length];
        for (var i = 0; i < input.Length; i++)
        {
            input[i] = _low[i] + (unit[i] * _width[i]);
        }

        return input;
    }
}
