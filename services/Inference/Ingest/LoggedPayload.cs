using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>
/// Reads payloads that loggers forward: Open Inference Protocol v2 (with binary tensors, the end of the JSON found by reading it; or protobuf),
/// KServe v1 (<c>instances</c>, <c>predictions</c>) and Seldon (<c>data</c>, <c>strData</c>, <c>jsonData</c>).
/// </summary>
internal static class LoggedPayload
{
    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = InferMessageReader.MaxDepth };

    /// <exception cref="ProtocolException">400: none of these.</exception>
    public static InferMessage Read(ReadOnlyMemory<byte> payload, int? jsonLength, bool isResponse)
    {
        if (!IsJson(payload.Span))
        {
            return ProtobufPayload.Read(payload, isResponse);
        }

        if (IsTensorProtocol(payload.Span, isResponse))
        {
            return InferMessageReader.ReadLogged(payload, jsonLength, isResponse);
        }

        try
        {
            using var document = JsonDocument.Parse(payload, s_options);
            var root = document.RootElement;
            var message = new InferMessage();
            if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty(isResponse ? "predictions" : "instances", out var rows))
            {
                AddRows(message, isResponse ? "predictions" : "instances", rows);
                return message;
            }

            if (root.ValueKind == JsonValueKind.Object && AddSeldon(message, root))
            {
                return message;
            }
        }
        catch (JsonException e)
        {
            throw new ProtocolException(400, $"the payload is not JSON that can be read: {e.Message}");
        }
        catch (ScoringException e)
        {
            throw new ProtocolException(400, e.Message);
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new ProtocolException(400, $"the payload departs from its protocol: {e.Message}");
        }

        throw new ProtocolException(400, "the payload is neither Open Inference Protocol v2, nor KServe v1, nor Seldon");
    }

    /// <summary>A protobuf message begins with a field's tag, a line feed for the first field: what follows white space tells.</summary>
    private static bool IsJson(ReadOnlySpan<byte> payload) => payload.TrimStart(" \t\r\n"u8) is [(byte)'{' or (byte)'[' or (byte)'"', ..] or [];

    /// <summary>Whether the object has a top-level key <c>inputs</c> (or <c>outputs</c>): stops at it, so binary data behind the JSON is never read.</summary>
    private static bool IsTensorProtocol(ReadOnlySpan<byte> payload, bool isResponse)
    {
        var reader = new Utf8JsonReader(payload, new JsonReaderOptions { MaxDepth = InferMessageReader.MaxDepth });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals(isResponse ? "outputs"u8 : "inputs"u8))
                {
                    return true;
                }

                reader.Skip();
            }
        }
        catch (JsonException)
        {
            // Whoever reads it in full says what is wrong.
        }

        return false;
    }

    private static bool AddSeldon(InferMessage message, JsonElement root)
    {
        if (root.TryGetProperty("data", out var data))
        {
            if (data.TryGetProperty("ndarray", out var array))
            {
                AddRows(message, "data", array);
                return true;
            }

            if (data.TryGetProperty("tensor", out var tensor))
            {
                var shape = tensor.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()).ToArray();
                var values = tensor.GetProperty("values").EnumerateArray().Select(v => v.GetDouble()).ToArray();
                message.Tensors.Add(ScoringTensor.Create("data", values, shape));
                return true;
            }
        }

        foreach (var name in new[] { "strData", "jsonData", "binData" })
        {
            if (root.TryGetProperty(name, out var value))
            {
                message.Tensors.Add(Texts(name, [value]));
                return true;
            }
        }

        return false;
    }

    /// <summary>Rows of numbers become one FP64 tensor, rows of objects one tensor per key, anything else BYTES of JSON.</summary>
    private static void AddRows(InferMessage message, string name, JsonElement rows)
    {
        if (rows.ValueKind != JsonValueKind.Array)
        {
            throw new ProtocolException(400, $"'{name}' must be an array");
        }

        var shape = new List<long>();
        for (var level = rows; level.ValueKind == JsonValueKind.Array; level = level[0])
        {
            shape.Add(level.GetArrayLength());
            if (level.GetArrayLength() == 0)
            {
                break;
            }
        }

        var values = new List<double>();
        if (Collect(rows, 0, shape, values))
        {
            message.Tensors.Add(ScoringTensor.Create(name, values.ToArray(), [.. shape]));
            return;
        }

        var items = rows.EnumerateArray().ToList();
        if (items.Count > 0 && items.TrueForAll(r => r.ValueKind == JsonValueKind.Object))
        {
            var keys = items[0].EnumerateObject().Select(p => p.Name).ToList();
            if (items.TrueForAll(r => keys.TrueForAll(k => r.TryGetProperty(k, out _))))
            {
                foreach (var key in keys)
                {
                    var column = items.ConvertAll(r => r.GetProperty(key));
                    message.Tensors.Add(column.TrueForAll(v => v.ValueKind == JsonValueKind.Number)
                        ? ScoringTensor.Create(key, column.ConvertAll(v => v.GetDouble()).ToArray(), column.Count)
                        : Texts(key, column));
                }

                return;
            }
        }

        message.Tensors.Add(Texts(name, items));
    }

    private static bool Collect(JsonElement element, int level, List<long> shape, List<double> values)
    {
        if (element.ValueKind == JsonValueKind.Number)
        {
            values.Add(element.GetDouble());
            return level == shape.Count;
        }

        return element.ValueKind == JsonValueKind.Array && level < shape.Count && element.GetArrayLength() == shape[level]
            && element.EnumerateArray().All(e => Collect(e, level + 1, shape, values));
    }

    private static ScoringTensor Texts(string name, IReadOnlyList<JsonElement> values)
    {
        var buffer = new ArrayBufferWriter<byte>();
        foreach (var value in values)
        {
            var text = Encoding.UTF8.GetBytes(value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText());
            BinaryPrimitives.WriteInt32LittleEndian(buffer.GetSpan(4), text.Length);
            buffer.Advance(4);
            buffer.Write(text);
        }

        return new ScoringTensor(name, TensorType.Bytes, [values.Count], buffer.WrittenMemory);
    }
}
