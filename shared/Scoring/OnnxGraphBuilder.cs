using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Monitoring.Scoring.Onnx;

namespace Monitoring.Scoring;

/// <summary>
/// Builds an ONNX model in code, node by node: every method adds a node and returns the name of its result. Operators are
/// those of the ONNX operator set 13 (opset), whose definitions say what each computes.
/// </summary>
public sealed class OnnxGraphBuilder
{
    /// <summary>Operator set of the graphs.</summary>
    public const int OperatorSet = 13;

    private readonly GraphProto _graph;
    private int _next;

    /// <param name="name">Name of the graph.</param>
    public OnnxGraphBuilder(string name) => _graph = new GraphProto { Name = name };

    /// <summary>Declares an input. Dimensions: a number, or a name for a free size (equal names are equal sizes).</summary>
    public string Input(string name, TensorType type, params object[] shape)
    {
        _graph.Input.Add(Value(name, type, shape));
        return name;
    }

    /// <summary>Gives a result its public name and type.</summary>
    public string Output(string name, string value, TensorType type, params object[] shape)
    {
        _graph.Node.Add(new NodeProto { OpType = "Identity", Input = { value }, Output = { name }, Name = name });
        _graph.Output.Add(Value(name, type, shape));
        return name;
    }

    /// <summary>A constant held in the graph.</summary>
    public string Constant<T>(ReadOnlySpan<T> values, params long[] shape)
        where T : unmanaged
    {
        var name = Next("constant");
        var tensor = new TensorProto { Name = name, DataType = (int)TensorTypes.Of<T>(), RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values)) };
        tensor.Dims.Add(shape);
        if (ScoringTensor.CountElements(name, shape) != values.Length)
        {
            throw new ArgumentException($"{values.Length} values do not fill the shape {TensorInfo.Format(shape)}", nameof(shape));
        }

        _graph.Initializer.Add(tensor);
        return name;
    }

    /// <summary>A constant scalar of a floating-point type.</summary>
    public string Scalar(TensorType type, double value) => type switch
    {
        TensorType.Float32 => Constant<float>([(float)value]),
        TensorType.Float64 => Constant<double>([value]),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "FP32 or FP64"),
    };

    /// <summary>A constant vector of whole numbers, as axes and sizes are given.</summary>
    public string Integers(params long[] values) => Constant<long>(values, values.Length);

    public string MatMul(string a, string b) => Add("MatMul", [a, b]);

    /// <summary>α·A·B + β·C, with A or B transposed.</summary>
    public string Gemm(string a, string b, string? c = null, float alpha = 1, float beta = 1, bool transposeA = false, bool transposeB = false) =>
        Add("Gemm", c is null ? [a, b] : [a, b, c], ("alpha", alpha), ("beta", beta), ("transA", transposeA ? 1L : 0L), ("transB", transposeB ? 1L : 0L));

    public string Add(string a, string b) => Add("Add", [a, b]);

    public string Sub(string a, string b) => Add("Sub", [a, b]);

    public string Mul(string a, string b) => Add("Mul", [a, b]);

    public string Div(string a, string b) => Add("Div", [a, b]);

    public string Pow(string a, string b) => Add("Pow", [a, b]);

    public string Max(params string[] values) => Add("Max", values);

    public string Min(params string[] values) => Add("Min", values);

    public string Neg(string a) => Add("Neg", [a]);

    public string Abs(string a) => Add("Abs", [a]);

    public string Exp(string a) => Add("Exp", [a]);

    public string Log(string a) => Add("Log", [a]);

    public string Sqrt(string a) => Add("Sqrt", [a]);

    public string Relu(string a) => Add("Relu", [a]);

    public string Sigmoid(string a) => Add("Sigmoid", [a]);

    public string Tanh(string a) => Add("Tanh", [a]);

    public string Identity(string a) => Add("Identity", [a]);

    public string Softmax(string a, long axis = -1) => Add("Softmax", [a], ("axis", axis));

    /// <summary>Sum along axes; all axes where none is named.</summary>
    public string ReduceSum(string a, bool keepDimensions, params long[] axes) =>
        Add("ReduceSum", axes.Length == 0 ? [a] : [a, Integers(axes)], ("keepdims", keepDimensions ? 1L : 0L));

    public string ReduceMean(string a, bool keepDimensions, params long[] axes) => Reduce("ReduceMean", a, keepDimensions, axes);

    public string ReduceMin(string a, bool keepDimensions, params long[] axes) => Reduce("ReduceMin", a, keepDimensions, axes);

    public string ReduceMax(string a, bool keepDimensions, params long[] axes) => Reduce("ReduceMax", a, keepDimensions, axes);

    /// <summary>Sum of squares along axes.</summary>
    public string ReduceSumSquare(string a, bool keepDimensions, params long[] axes) => Reduce("ReduceSumSquare", a, keepDimensions, axes);

    public string ArgMax(string a, long axis, bool keepDimensions) => Add("ArgMax", [a], ("axis", axis), ("keepdims", keepDimensions ? 1L : 0L));

    /// <summary>The k largest or smallest along an axis, sorted; k is a vector of one INT64.</summary>
    public (string Values, string Indices) TopK(string a, string k, long axis, bool largest)
    {
        var values = Next("TopK");
        var indices = Next("TopK");
        Append("TopK", [a, k], [values, indices], ("axis", axis), ("largest", largest ? 1L : 0L), ("sorted", 1L));
        return (values, indices);
    }

    public string Gather(string a, string indices, long axis) => Add("Gather", [a, indices], ("axis", axis));

    public string GatherElements(string a, string indices, long axis) => Add("GatherElements", [a, indices], ("axis", axis));

    public string Transpose(string a, params long[] permutation) => Add("Transpose", [a], ("perm", permutation));

    public string Concat(long axis, params string[] values) => Add("Concat", values, ("axis", axis));

    /// <summary>Elements start ≤ i &lt; end of one axis.</summary>
    public string Slice(string a, long start, long end, long axis) => Add("Slice", [a, Integers(start), Integers(end), Integers(axis)]);

    public string Reshape(string a, params long[] shape) => Add("Reshape", [a, Integers(shape)]);

    public string Unsqueeze(string a, params long[] axes) => Add("Unsqueeze", [a, Integers(axes)]);

    public string Squeeze(string a, params long[] axes) => Add("Squeeze", [a, Integers(axes)]);

    public string Cast(string a, TensorType type) => Add("Cast", [a], ("to", (long)type));

    /// <summary>Any other operator with one result.</summary>
    public string Add(string operation, string[] inputs, params (string Name, object Value)[] attributes)
    {
        var name = Next(operation);
        Append(operation, inputs, [name], attributes);
        return name;
    }

    /// <summary>The serialised model.</summary>
    public byte[] Build() => new ModelProto
    {
        IrVersion = 8,
        ProducerName = "monitoring",
        Graph = _graph,
        OpsetImport = { new OperatorSetIdProto { Version = OperatorSet } },
    }.ToByteArray();

    private static ValueInfoProto Value(string name, TensorType type, object[] shape)
    {
        var dimensions = new TensorShapeProto();
        foreach (var dimension in shape)
        {
            dimensions.Dim.Add(dimension is string free
                ? new TensorShapeProto.Types.Dimension { DimParam = free }
                : new TensorShapeProto.Types.Dimension { DimValue = Convert.ToInt64(dimension, CultureInfo.InvariantCulture) });
        }

        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = dimensions } } };
    }

    private static AttributeProto Attribute(string name, object value) => value switch
    {
        long number => new AttributeProto { Name = name, I = number, Type = AttributeProto.Types.AttributeType.Int },
        float number => new AttributeProto { Name = name, F = number, Type = AttributeProto.Types.AttributeType.Float },
        long[] numbers => new AttributeProto { Name = name, Ints = { numbers }, Type = AttributeProto.Types.AttributeType.Ints },
        float[] numbers => new AttributeProto { Name = name, Floats = { numbers }, Type = AttributeProto.Types.AttributeType.Floats },
        string text => new AttributeProto { Name = name, S = ByteString.CopyFromUtf8(text), Type = AttributeProto.Types.AttributeType.String },
        _ => throw new ArgumentException($"attribute '{name}' must be long, float, long[], float[] or string, not {value.GetType()}", nameof(value)),
    };

    private string Reduce(string operation, string a, bool keepDimensions, long[] axes) => axes.Length == 0
        ? Add(operation, [a], ("keepdims", keepDimensions ? 1L : 0L))
        : Add(operation, [a], ("axes", axes), ("keepdims", keepDimensions ? 1L : 0L));

    private void Append(string operation, string[] inputs, string[] outputs, params (string Name, object Value)[] attributes)
    {
        var node = new NodeProto { OpType = operation, Name = outputs[0] };
        node.Input.Add(inputs);
        node.Output.Add(outputs);
        node.Attribute.Add(attributes.Select(a => Attribute(a.Name, a.Value)));
        _graph.Node.Add(node);
    }

    private string Next(string operation) => string.Create(CultureInfo.InvariantCulture, $"{operation}_{_next++}");
}
