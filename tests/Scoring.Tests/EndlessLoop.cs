using Google.Protobuf;
using Monitoring.Scoring.Onnx;

namespace Monitoring.Scoring.Tests;

/// <summary>A hostile model: ONNX Loop of 2^40 steps.</summary>
internal static class EndlessLoop
{
    public static byte[] Build()
    {
        var body = new GraphProto { Name = "body" };
        body.Input.Add(Value("step", 7));
        body.Input.Add(Value("go", 9));
        body.Input.Add(Value("v", 1, 1));
        body.Node.Add(new NodeProto { OpType = "Identity", Input = { "go" }, Output = { "go_out" } });
        body.Node.Add(new NodeProto { OpType = "Sin", Input = { "v" }, Output = { "v_out" } });
        body.Output.Add(Value("go_out", 9));
        body.Output.Add(Value("v_out", 1, 1));
        var graph = new GraphProto { Name = "loop" };
        graph.Input.Add(Value("x", 1, 1));
        graph.Output.Add(Value("y", 1, 1));
        graph.Initializer.Add(new TensorProto { Name = "steps", DataType = 7, RawData = ByteString.CopyFrom(BitConverter.GetBytes(1L << 40)) });
        graph.Initializer.Add(new TensorProto { Name = "start", DataType = 9, RawData = ByteString.CopyFrom(1) });
        graph.Node.Add(new NodeProto
        {
            OpType = "Loop",
            Input = { "steps", "start", "x" },
            Output = { "y" },
            Attribute = { new AttributeProto { Name = "body", Type = AttributeProto.Types.AttributeType.Graph, G = body } },
        });
        return new ModelProto { IrVersion = 8, Graph = graph, OpsetImport = { new OperatorSetIdProto { Version = 13 } } }.ToByteArray();
    }

    private static ValueInfoProto Value(string name, int type, params long[] shape)
    {
        var dimensions = new TensorShapeProto();
        dimensions.Dim.Add(shape.Select(d => new TensorShapeProto.Types.Dimension { DimValue = d }));
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = type, Shape = dimensions } } };
    }
}
