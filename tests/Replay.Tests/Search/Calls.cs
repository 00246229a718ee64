using System.Runtime.InteropServices;
using System.Text;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;

namespace Monitoring.Replay.Tests.Search;

/// <summary>Makes inference events.</summary>
internal static class Calls
{
    public static readonly Dictionary<string, ModelSchema> Schemas = new(StringComparer.Ordinal)
    {
        ["flights"] = new ModelSchema([new FeatureSchema("hour"), new FeatureSchema("origin") { Type = FeatureType.Categorical, Categories = ["ABE", "SFO"] }, new FeatureSchema("distance")]) { Classes = ["on_time", "delayed"] },
    };

    public static InferenceEvent Flight(string id, string client, float hour, float origin, float distance, float delayed, int latencyMs = 5) => Event(id, "flights", client, [[hour, origin, distance]], [[1 - delayed, delayed]], latencyMs);

    public static InferenceEvent Event(string id, string model, string client, float[][] inputs, float[][] outputs, int latencyMs = 5) => new()
    {
        Id = id,
        Model = model,
        ModelVersion = "1",
        Client = new Client { Id = client },
        RequestId = $"r-{id}",
        Status = 200,
        LatencyNano = latencyMs * 1_000_000L,
        Inputs = { Tensor("features", inputs) },
        Outputs = { Tensor("probabilities", outputs) },
        Attributes = { new Contracts.Attribute { Key = "region", Value = id[^1] % 2 == 0 ? "eu" : "us" } },
    };

    public static Tensor Tensor(string name, float[][] rows) => new()
    {
        Name = name,
        Datatype = "FP32",
        Shape = { rows.Length, rows[0].Length },
        Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(rows.SelectMany(r => r).ToArray())),
    };

    public static LogRecord Record(InferenceEvent call, int? partition = null) => new(
        Encoding.UTF8.GetBytes(call.Model),
        call.ToByteArray(),
        [new LogHeader(Headers.Id, Encoding.UTF8.GetBytes(call.Id)), new LogHeader(Headers.Type, Encoding.UTF8.GetBytes(EventTypes.Inference))],
        partition);
}
