using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Detection.Tests;

/// <summary>What the protobuf library accepts is accepted, what it refuses is refused, and both read the same.</summary>
public sealed class EventReaderTests
{
    [Fact]
    public void Whole_events_read_as_the_library_reads_them()
    {
        var reader = new EventReader();
        foreach (var inference in new[] { Full(1), Full(2), new InferenceEvent { Id = "a", Model = "m" } })
        {
            AssertSame(reader, inference.ToByteArray());
        }
    }

    [Fact]
    public void Unusual_encodings_read_as_the_library_reads_them()
    {
        var reader = new EventReader();
        var whole = Full(3).ToByteArray();

        // The same message twice in a row is legal: fields merge, lists grow; a client in two pieces is one client.
        AssertSame(reader, [.. whole, .. whole]);
        AssertSame(reader, [.. whole, .. new InferenceEvent { Client = new Client { KeyFamily = "k" } }.ToByteArray()]);

        // Outputs before inputs, an unknown field, a group that nobody knows, and a shape that is not packed.
        AssertSame(reader, [.. new InferenceEvent { Outputs = { Tensor("late", 2) } }.ToByteArray(), .. whole]);
        AssertSame(reader, [.. whole, 0xFA, 0x01, 0x02, 0x41, 0x42]);
        AssertSame(reader, [.. whole, 0xFB, 0x01, 0x08, 0x01, 0xFC, 0x01]);
        AssertSame(reader, [.. whole, 0x3A, 0x04, 0x18, 0x02, 0x18, 0x03]);
    }

    [Fact]
    public void Damaged_events_are_refused_where_the_library_refuses_them()
    {
        var reader = new EventReader();
        var random = new Random(11);
        var refused = 0;
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = Full(random.Next(6)).ToByteArray();
            for (var damage = random.Next(1, 4); damage > 0; damage--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            refused += AssertSame(reader, random.Next(4) == 0 ? bytes[..random.Next(bytes.Length)] : bytes) ? 0 : 1;
            reader.Reset();
        }

        Assert.InRange(refused, 1_000, 19_000);
    }

    private static bool AssertSame(EventReader reader, byte[] bytes)
    {
        InferenceEvent? expected = null;
        try
        {
            expected = InferenceEvent.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
        }

        var read = reader.TryRead(new LogEntry("t", 0, 7, 9, default, bytes, []), out var actual, out var reason);
        if (expected is null || expected.Id.Length == 0 || expected.Model.Length == 0)
        {
            Assert.False(read, Convert.ToHexString(bytes));
            Assert.NotEmpty(reason);
            return false;
        }

        Assert.True(read, Convert.ToHexString(bytes));
        Assert.Equal(expected.Id, actual.Id);
        Assert.Equal(expected.Model, actual.Model);
        Assert.Equal(expected.ModelVersion, actual.Version);
        Assert.Equal(expected.Client?.Id ?? "", actual.Client);
        Assert.Equal(expected.Source?.Instance, actual.Facts.Instance);
        Assert.Equal(expected.Source?.StartUnixNano ?? 0, actual.Facts.Start);
        Assert.Equal(expected.Source?.Sequence ?? 0, actual.Facts.Sequence);
        Assert.Equal(expected.Violations.Count == 0 && expected.Status < 400 && expected.Error.Length == 0, actual.Facts.IsClean);
        Assert.Equal((expected.Inputs.Count, expected.Outputs.Count), (actual.Inputs, actual.Outputs));
        Assert.Equal((7, 9), (actual.Offset, actual.TimeUnixNano));
        var tensors = expected.Inputs.Concat(expected.Outputs).ToList();
        for (var i = 0; i < tensors.Count; i++)
        {
            var range = reader.Tensors[actual.FirstTensor + i];
            Assert.Equal(tensors[i].Artifact is null ? TensorReader.Elements(tensors[i]) : -1, range.Elements);
            Assert.Equal(TensorReader.Rows(tensors[i]), range.Rows);
            Assert.Equal(tensors[i].Name, System.Text.Encoding.UTF8.GetString(actual.Bytes.Span.Slice(range.NameAt, range.NameLength)));
            Assert.True(tensors[i].Data.Span.SequenceEqual(actual.Bytes.Span.Slice(range.DataAt, range.DataLength)));
        }

        Assert.Equal(expected.Attributes, actual.Parse().Attributes);
        return true;
    }

    private static Tensor Tensor(string name, int width) =>
        new() { Name = name, Datatype = "FP32", Shape = { 1, width }, Data = ByteString.CopyFrom(new byte[4 * width]) };

    private static InferenceEvent Full(int seed)
    {
        var inference = new InferenceEvent
        {
            Id = "event-" + seed,
            TimeUnixNano = 1_780_000_000_000_000_000,
            Model = seed % 2 == 0 ? "digits" : "modèle",
            ModelVersion = "2",
            Client = new Client { Id = "c" + seed, Source = "api-key", AddressPrefix = "p" },
            RequestId = "r",
            Status = seed % 3 == 0 ? 500 : 200,
            Error = seed % 5 == 4 ? "failed" : "",
            LatencyNano = 12_345,
            Source = new Source { Instance = "i", StartUnixNano = 5, Sequence = 300 },
            Attributes = { new Monitoring.Contracts.Attribute { Key = "k", Value = "v" } },
        };
        inference.Inputs.Add(Tensor("x", 3 + seed));
        inference.Outputs.Add(Tensor("y", 2));
        if (seed % 2 == 1)
        {
            inference.Part = new Part { Index = 1, Count = 2, FirstRow = 8, CallId = "call" };
            inference.Inputs.Add(new Tensor { Name = "large", Datatype = "UINT8", Shape = { 1, 1_000_000 }, Artifact = new Artifact { Sha256 = "ab", Length = 1_000_000 } });
            inference.Violations.Add(new SchemaViolation { Feature = "x", Kind = "range", Detail = "9" });
        }

        return inference;
    }
}
