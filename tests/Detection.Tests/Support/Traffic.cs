using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Detection.Tests.Support;

/// <summary>Events of two models, seeded; from <c>changeAt</c> on the first model's x0 is shifted.</summary>
internal static class Traffic
{
    public const long StartNano = 1_780_000_000_000_000_000;

    public static LogRecord Record(InferenceEvent inference, long timeNano, int? partition = null) =>
        new(Encoding.UTF8.GetBytes(inference.Model), inference.ToByteArray(),
            [new LogHeader(Headers.LogTime, Encoding.UTF8.GetBytes(timeNano.ToString(CultureInfo.InvariantCulture)))], partition);

    public static InferenceEvent Event(string id, string model, float[] row, string client = "", string version = "1", ulong sequence = 0)
    {
        var inference = new InferenceEvent { Id = id, Model = model, ModelVersion = version, Status = 200, Client = new Client { Id = client, Source = client.Length > 0 ? "api-key" : "" } };
        inference.Inputs.Add(Tensor("x", [1, row.Length], row));
        inference.Outputs.Add(Tensor("probability", [1, 2], [0.25f, 0.75f]));
        if (sequence > 0)
        {
            inference.Source = new Source { Instance = "test", StartUnixNano = 1, Sequence = sequence };
        }

        return inference;
    }

    public static Tensor Tensor(string name, long[] shape, float[] values)
    {
        var tensor = new Tensor { Name = name, Datatype = "FP32", Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(values)) };
        tensor.Shape.AddRange(shape);
        return tensor;
    }

    public static IEnumerable<LogRecord> TwoModels(int count, int changeAt, int seed, float shift = 1.5f, int stepMilliseconds = 10)
    {
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var model = i % 3 == 2 ? "beta" : "alpha";
            var moved = model == "alpha" && i >= changeAt ? shift : 0;
            float[] row = [Normal(random) + moved, Normal(random), Normal(random)];
            var inference = Event("e" + i.ToString(CultureInfo.InvariantCulture), model, row, "client-" + random.Next(7).ToString(CultureInfo.InvariantCulture));
            yield return Record(inference, StartNano + (i * stepMilliseconds * 1_000_000L));
        }
    }

    public static float Normal(Random random) => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
