using System.Text;
using Monitoring.Contracts;

namespace Monitoring.Inference;

/// <summary>One half of a call as a logger sent it: the request or the response.</summary>
internal sealed class LoggedHalf
{
    /// <summary>Equal for the two halves of a call, different between calls and components.</summary>
    public required string Key { get; init; }

    public required string Model { get; init; }

    public required bool IsResponse { get; init; }

    /// <summary>When it came here, nanoseconds since the epoch; the join window counts from it.</summary>
    public required long ReceivedUnixNano { get; init; }

    /// <summary>When the logger saw it.</summary>
    public required long TimeUnixNano { get; init; }

    public required string RequestId { get; init; }

    public required Client Client { get; init; }

    public string TraceParent { get; init; } = "";

    /// <summary>HTTP status that the caller got, where the logger tells it; else 0.</summary>
    public int Status { get; init; }

    /// <summary>Bytes of the JSON part of the payload where the logger kept the header; else null.</summary>
    public int? JsonLength { get; init; }

    public required ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>The payload, read.</summary>
    public required InferMessage Message { get; init; }

    /// <summary>The half as the journal keeps it.</summary>
    public void Write(BinaryWriter writer)
    {
        writer.Write(Key);
        writer.Write(Model);
        writer.Write(IsResponse);
        writer.Write(ReceivedUnixNano);
        writer.Write(TimeUnixNano);
        writer.Write(RequestId);
        writer.Write(TraceParent);
        writer.Write(Status);
        writer.Write(JsonLength ?? -1);
        writer.Write(Client.Id);
        writer.Write(Client.Source);
        writer.Write(Client.AddressPrefix);
        writer.Write(Client.KeyFamily);
        writer.Write(Payload.Length);
        writer.Write(Payload.Span);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static LoggedHalf Read(BinaryReader reader)
    {
        var key = reader.ReadString();
        var model = reader.ReadString();
        var isResponse = reader.ReadBoolean();
        var received = reader.ReadInt64();
        var time = reader.ReadInt64();
        var requestId = reader.ReadString();
        var trace = reader.ReadString();
        var status = reader.ReadInt32();
        var jsonLength = reader.ReadInt32();
        var client = new Client { Id = reader.ReadString(), Source = reader.ReadString(), AddressPrefix = reader.ReadString(), KeyFamily = reader.ReadString() };
        var payload = reader.ReadBytes(reader.ReadInt32());
        int? length = jsonLength < 0 ? null : jsonLength;
        return new LoggedHalf
        {
            Key = key,
            Model = model,
            IsResponse = isResponse,
            ReceivedUnixNano = received,
            TimeUnixNano = time,
            RequestId = requestId,
            TraceParent = trace,
            Status = status,
            JsonLength = length,
            Client = client,
            Payload = payload,
            Message = LoggedPayload.Read(payload, length, isResponse),
        };
    }
}
