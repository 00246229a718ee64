using Google.Protobuf;
using Google.Protobuf.Collections;
using Monitoring.Contracts;
using Monitoring.Scoring;

namespace Monitoring.Inference.Tests;

/// <summary>The short way from a call to the spool writes the same bytes as the message does.</summary>
public sealed class EventWriterTests
{
    [Fact]
    public void The_frame_is_the_messages_to_the_byte_for_every_kind_of_call()
    {
        var random = new Random(7);
        for (var round = 0; round < 500; round++)
        {
            var call = Call(random);
            var violations = new RepeatedField<SchemaViolation>();
            for (var i = random.Next(3); i > 0; i--)
            {
                violations.Add(new SchemaViolation { Feature = Text(random, 20), Kind = "range", Detail = Text(random, 200) });
            }

            List<Contracts.Attribute> attributes = [.. Enumerable.Range(0, random.Next(3)).Select(i => new Contracts.Attribute { Key = $"k{i}", Value = Text(random, 300) })];
            var (key, model, instance) = (Text(random, 30), Text(random, 30) + "m", Text(random, 60));
            var (start, sequence) = (random.NextInt64(), (ulong)random.NextInt64(3));
            var expected = Message(call, model, instance, start, sequence, violations, attributes);
            var size = SpooledEvent.SizeOf(key, expected, call.TraceParent);
            var whole = new byte[size];
            SpooledEvent.Write(whole, key, expected, call.TraceParent);

            var bound = EventWriter.BoundOf(key, model, instance, call, violations, attributes);
            var frame = new byte[bound];
            var length = EventWriter.Write(frame, key, model, instance, start, sequence, call, violations, attributes);
            Assert.Equal(whole, frame[..length]);
            var record = SpooledEvent.ToRecord(frame.AsMemory(Spool.FrameHeader..length));
            Assert.Equal(expected, InferenceEvent.Parser.ParseFrom(record.Value!.Value.Span));
            Assert.Equal(SpooledEvent.FormatTime(call.TimeUnixNano), System.Text.Encoding.UTF8.GetString(record.Headers.Single(h => h.Name == Headers.Time).Value.Span));
        }
    }

    private static CapturedCall Call(Random random) => new()
    {
        Id = Guid.NewGuid().ToString("N"),
        TimeUnixNano = random.NextInt64(4_000_000_000_000_000_000),
        ModelVersion = Text(random, 10),
        Client = random.Next(3) == 0 ? new Client() : new Client { Id = Text(random, 40), Source = "address", AddressPrefix = Text(random, 40), KeyFamily = Text(random, 10) },
        RequestId = Text(random, 256),
        TraceParent = Text(random, 50),
        Inputs = Tensors(random),
        Outputs = Tensors(random),
        Status = random.Next(4) switch { 0 => 0, 1 => 200, 2 => 404, _ => -1 },
        Error = Text(random, 2048),
        LatencyNano = random.Next(3) == 0 ? 0 : random.NextInt64(),
    };

    private static ScoringTensor[] Tensors(Random random) =>
        [.. Enumerable.Range(0, random.Next(4)).Select(i =>
        {
            long[] shape = random.Next(5) switch { 0 => [], 1 => [0, 3], 2 => [random.Next(1, 300), 7], 3 => [1, 1, 1, 200], _ => [random.Next(1, 20)] };
            var data = new byte[4 * shape.Aggregate(1L, (a, b) => a * b)];
            random.NextBytes(data);
            return new ScoringTensor(Text(random, 30), TensorType.Float32, shape, data);
        })];

    /// <summary>Empty at times, of one to four bytes a character, and without halves of surrogate pairs.</summary>
    private static string Text(Random random, int most) =>
        string.Concat(Enumerable.Range(0, random.Next(4) == 0 ? 0 : random.Next(most / 2)).Select(_ => random.Next(8) switch { 0 => "é", 1 => "語", 2 => "😀", _ => ((char)random.Next(32, 127)).ToString() }));

    private static InferenceEvent Message(CapturedCall call, string model, string instance, long start, ulong sequence, RepeatedField<SchemaViolation> violations, List<Contracts.Attribute> attributes)
    {
        var value = new InferenceEvent
        {
            Id = call.Id,
            TimeUnixNano = call.TimeUnixNano,
            Model = model,
            ModelVersion = call.ModelVersion,
            Client = call.Client,
            RequestId = call.RequestId,
            Status = call.Status,
            Error = call.Error,
            LatencyNano = call.LatencyNano,
            Source = new Source { Instance = instance, StartUnixNano = start, Sequence = sequence },
        };
        value.Inputs.Add(call.Inputs.Select(ToTensor));
        value.Outputs.Add(call.Outputs.Select(ToTensor));
        value.Attributes.Add(attributes);
        value.Violations.Add(violations);
        return value;
    }

    private static Tensor ToTensor(ScoringTensor tensor)
    {
        var result = new Tensor { Name = tensor.Name, Datatype = tensor.Type.ProtocolName(), Data = ByteString.CopyFrom(tensor.Data.Span) };
        result.Shape.Add(tensor.Shape);
        return result;
    }
}
