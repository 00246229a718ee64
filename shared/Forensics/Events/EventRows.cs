using Monitoring.Detection;

namespace Monitoring.Forensics;

/// <summary>Reads the rows of events: input columns laid side by side, predicted class and its probability.</summary>
public static class EventRows
{
    /// <summary>Rows of an event: the first dimension of its first tensor.</summary>
    public static int Count(in EventView view) =>
        view.InputCount > 0 ? (int)view.Input(0).Rows : view.OutputCount > 0 ? (int)view.Output(0).Rows : 0;

    /// <summary>Input column of a row, the tensors' trailing dimensions side by side; NaN where there is none.</summary>
    public static double Input(in EventView view, int row, int column)
    {
        for (var i = 0; i < view.InputCount; i++)
        {
            var tensor = view.Input(i);
            var width = tensor.Width;
            if (column < width)
            {
                return tensor.HasNumbers && row < tensor.Rows ? tensor.Number(((long)row * width) + column) : double.NaN;
            }

            column -= width;
        }

        return double.NaN;
    }

    /// <summary>Copies a row of inputs; false when it does not have exactly that many numbers.</summary>
    public static bool CopyInput(in EventView view, int row, Span<float> target)
    {
        var at = 0;
        for (var i = 0; i < view.InputCount; i++)
        {
            var tensor = view.Input(i);
            var width = tensor.Width;
            if (!tensor.HasNumbers || row >= tensor.Rows || width > target.Length - at)
            {
                return false;
            }

            if (tensor.IsFloat32)
            {
                tensor.Floats.Slice(row * width, width).CopyTo(target[at..]);
            }
            else
            {
                for (var c = 0; c < width; c++)
                {
                    target[at + c] = (float)tensor.Number(((long)row * width) + c);
                }
            }

            at += width;
        }

        return at == target.Length;
    }

    /// <summary>The row of inputs in place, where one FP32 tensor holds it; else empty.</summary>
    public static ReadOnlySpan<float> InputInPlace(in EventView view, int row)
    {
        if (view.InputCount != 1)
        {
            return default;
        }

        var tensor = view.Input(0);
        return tensor.IsFloat32 && tensor.HasNumbers && row < tensor.Rows ? tensor.Floats.Slice(row * tensor.Width, tensor.Width) : default;
    }

    /// <summary>Numbers per input row.</summary>
    public static int InputWidth(in EventView view)
    {
        var width = 0;
        for (var i = 0; i < view.InputCount; i++)
        {
            width += view.Input(i).Width;
        }

        return width;
    }

    /// <summary>
    /// Predicted class: the largest entry of the first floating-point output of at least two columns (one column: at least ½), else
    /// the first integer output. −1 where the event tells none.
    /// </summary>
    public static int PredictedClass(in EventView view, int row) => Predict(view, row, out _);

    /// <summary>Largest probability of a row; NaN where the event tells none.</summary>
    public static double Confidence(in EventView view, int row)
    {
        Predict(view, row, out var confidence);
        return confidence;
    }

    private static int Predict(in EventView view, int row, out double confidence)
    {
        for (var i = 0; i < view.OutputCount; i++)
        {
            var tensor = view.Output(i);
            if (!tensor.HasNumbers || row >= tensor.Rows)
            {
                continue;
            }

            var width = tensor.Width;
            if (!tensor.IsFloatingPoint)
            {
                confidence = double.NaN;
                return (int)tensor.Number((long)row * width);
            }

            if (width == 1)
            {
                var p = tensor.Number(row);
                confidence = Math.Max(p, 1 - p);
                return double.IsNaN(p) ? -1 : p >= 0.5 ? 1 : 0;
            }

            var best = -1;
            confidence = double.NaN;
            for (var c = 0; c < width; c++)
            {
                var value = tensor.Number(((long)row * width) + c);
                if (!double.IsNaN(value) && (best < 0 || value > confidence))
                {
                    (best, confidence) = (c, value);
                }
            }

            return best;
        }

        confidence = double.NaN;
        return -1;
    }

    /// <summary>A class as people say it.</summary>
    public static string ClassName(ModelSchema? schema, int index) =>
        index >= 0 && schema is not null && index < schema.Classes.Count ? schema.Classes[index] : index.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>UTF-8 of a text as bytes for comparisons.</summary>
    public static byte[] Utf8(string text) => System.Text.Encoding.UTF8.GetBytes(text);
}
