using System.Numerics.Tensors;

namespace Monitoring.AllInOne.Drills;

/// <summary>A thief's or attacker's own model: one hidden layer of rectified units, softmax, trained by stochastic gradient descent with momentum on the answers it was given.</summary>
internal sealed class SurrogateNetwork
{
    private const int Hidden = 64;
    private const float Momentum = 0.9f;
    private readonly int _width;
    private readonly int _classes;
    private readonly float[] _first;
    private readonly float[] _firstBias = new float[Hidden];
    private readonly float[] _second;
    private readonly float[] _secondBias;
    private readonly float[] _hidden = new float[Hidden];
    private readonly float[] _error = new float[Hidden];

    public SurrogateNetwork(int width, int classes, int seed)
    {
        (_width, _classes) = (width, classes);
        var random = new Random(seed);
        _first = Start(Hidden * width, width, random);
        _second = Start(classes * Hidden, Hidden, random);
        _secondBias = new float[classes];
    }

    /// <summary>Trains on inputs and class probabilities.</summary>
    public void Train(IReadOnlyList<float[]> inputs, IReadOnlyList<float[]> answers, int epochs, int seed, float rate = 0.002f)
    {
        var random = new Random(seed);
        var order = Enumerable.Range(0, inputs.Count).ToArray();
        var (firstSpeed, secondSpeed) = (new float[_first.Length], new float[_second.Length]);
        for (var epoch = 0; epoch < epochs; epoch++)
        {
            random.Shuffle(order);
            foreach (var i in order)
            {
                var difference = Forward(inputs[i]);
                TensorPrimitives.Subtract(difference, answers[i], difference);
                Backward(difference);
                for (var c = 0; c < _classes; c++)
                {
                    Step(_second.AsSpan(c * Hidden, Hidden), secondSpeed.AsSpan(c * Hidden, Hidden), _hidden, difference[c] * rate);
                    _secondBias[c] -= rate * difference[c];
                }

                for (var h = 0; h < Hidden; h++)
                {
                    if (_error[h] != 0)
                    {
                        Step(_first.AsSpan(h * _width, _width), firstSpeed.AsSpan(h * _width, _width), inputs[i], _error[h] * rate);
                        _firstBias[h] -= rate * _error[h];
                    }
                }
            }
        }

        static void Step(Span<float> weights, Span<float> speed, ReadOnlySpan<float> direction, float size)
        {
            TensorPrimitives.Multiply(speed, Momentum, speed);
            TensorPrimitives.MultiplyAdd(direction, -size, speed, speed);
            TensorPrimitives.Add(weights, speed, weights);
        }
    }

    public float[] Probabilities(float[] input) => Forward(input);

    /// <summary>Gradient of the loss of a class by the input.</summary>
    public float[] Gradient(float[] input, int label)
    {
        var difference = Forward(input);
        difference[label] -= 1;
        Backward(difference);
        var gradient = new float[_width];
        for (var h = 0; h < Hidden; h++)
        {
            TensorPrimitives.MultiplyAdd(_first.AsSpan(h * _width, _width), _error[h], gradient, gradient);
        }

        return gradient;
    }

    private float[] Forward(float[] input)
    {
        for (var h = 0; h < Hidden; h++)
        {
            _hidden[h] = Math.Max(0, TensorPrimitives.Dot(input, _first.AsSpan(h * _width, _width)) + _firstBias[h]);
        }

        var output = new float[_classes];
        for (var c = 0; c < _classes; c++)
        {
            output[c] = TensorPrimitives.Dot<float>(_hidden, _second.AsSpan(c * Hidden, Hidden)) + _secondBias[c];
        }

        TensorPrimitives.SoftMax<float>(output, output);
        return output;
    }

    private void Backward(float[] difference)
    {
        Array.Clear(_error);
        for (var c = 0; c < _classes; c++)
        {
            TensorPrimitives.MultiplyAdd(_second.AsSpan(c * Hidden, Hidden), difference[c], _error, _error);
        }

        for (var h = 0; h < Hidden; h++)
        {
            _error[h] = _hidden[h] > 0 ? _error[h] : 0;
        }
    }

    private static float[] Start(int count, int inputs, Random random)
    {
        var scale = (float)Math.Sqrt(6.0 / inputs);
        var weights = new float[count];
        for (var i = 0; i < count; i++)
        {
            weights[i] = scale * ((2 * random.NextSingle()) - 1);
        }

        return weights;
    }
}
