using System.Buffers.Binary;
using System.Text.Json;
using Monitoring.Contracts;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>
/// Reads infer requests and responses of the Open Inference Protocol v2, with the binary tensor extension. The end of the
/// JSON part is given, or found by reading to the end of the object (loggers drop the header that says it).
/// Refuses with <see cref="ProtocolException"/> 400.
/// </summary>
internal static class InferMessageReader
{
    /// <summary>Deepest nesting of JSON.</summary>
    public const int MaxDepth = 32;

    private const int MaxTensors = 1024;
    private const int MaxText = 4096;
    private static readonly JsonReaderOptions s_options = new() { MaxDepth = MaxDepth };

    /// <summary>Reads a request.</summary>
    /// <param name="body">JSON, then binary tensors.</param>
    /// <param name="jsonLength">Bytes of the JSON part; null where it is the whole body.</param>
    public static InferMessage ReadRequest(ReadOnlyMemory<byte> body, int? jsonLength) => Read(body, jsonLength, isResponse: false, findEnd: false);

    /// <summary>Reads a response; see <see cref="ReadRequest"/>.</summary>
    public static InferMessage ReadResponse(ReadOnlyMemory<byte> body, int? jsonLength) => Read(body, jsonLength, isResponse: true, findEnd: false);

    /// <summary>Reads a logged payload, whose JSON part ends where the object ends unless its length is known.</summary>
    public static InferMessage ReadLogged(ReadOnlyMemory<byte> body, int? jsonLength, bool isResponse) => Read(body, jsonLength, isResponse, findEnd: jsonLength is null);

    private static InferMessage Read(ReadOnlyMemory<byte> body, int? jsonLength, bool isResponse, bool findEnd)
    {
        if (jsonLength is < 0 || jsonLength > body.Length)
        {
            throw new ProtocolException(400, $"Inference-Header-Content-Length is {jsonLength}, but the body has {body.Length} bytes");
        }

        var json = body[..(jsonLength ?? body.Length)];
        try
        {
            var reader = new Utf8JsonReader(json.Span, s_options);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new ProtocolException(400, "the request body must be a JSON object");
            }

            var message = new InferMessage();
            var pending = new List<PendingTensor>();
            ReadObject(ref reader, json, message, pending, isResponse);
            var end = (int)reader.BytesConsumed;
            if (!findEnd)
            {
                // Anything but white space behind the object is an error of the reader's own.
                while (reader.Read())
                {
                }

                end = json.Length;
            }

            TakeBinary(message, pending, body[end..]);
            return message;
        }
        catch (JsonException e)
        {
            throw new ProtocolException(400, $"malformed JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine}: {FirstSentence(e.Message)}");
        }
        catch (ScoringException e)
        {
            throw new ProtocolException(400, e.Message) { Violation = ("", "shape") };
        }
        catch (InvalidOperationException)
        {
            throw new ProtocolException(400, "malformed JSON: a string is not valid UTF-8");
        }
    }

    private static void ReadObject(ref Utf8JsonReader reader, ReadOnlyMemory<byte> json, InferMessage message, List<PendingTensor> pending, bool isResponse)
    {
        var (sawTensors, sawOutputs) = (false, false);
        var tensors = isResponse ? "outputs"u8 : "inputs"u8;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("id"u8))
            {
                reader.Read();
                message.Id = Text(ref reader, "id");
            }
            else if (reader.ValueTextEquals(tensors))
            {
                Once(ref sawTensors, isResponse ? "outputs" : "inputs");
                reader.Read();
                ReadTensors(ref reader, json, pending);
            }
            else if (!isResponse && reader.ValueTextEquals("outputs"u8))
            {
                Once(ref sawOutputs, "outputs");
                reader.Read();
                message.RequestedOutputs = ReadRequested(ref reader);
            }
            else if (reader.ValueTextEquals("parameters"u8))
            {
                reader.Read();
                ReadParameters(ref reader, message);
            }
            else if (isResponse && reader.ValueTextEquals("model_name"u8))
            {
                reader.Read();
                message.ModelName = Text(ref reader, "model_name");
            }
            else if (isResponse && reader.ValueTextEquals("model_version"u8))
            {
                reader.Read();
                message.ModelVersion = reader.TokenType == JsonTokenType.Null ? null : Text(ref reader, "model_version");
            }
            else
            {
                reader.Skip();
            }
        }

        if (!sawTensors)
        {
            throw new ProtocolException(400, isResponse ? "'outputs' is missing" : "'inputs' is missing");
        }
    }

    private static void ReadTensors(ref Utf8JsonReader reader, ReadOnlyMemory<byte> json, List<PendingTensor> pending)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new ProtocolException(400, "'inputs' must be an array of tensors");
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw new ProtocolException(400, "'inputs' must be an array of tensors");
            }

            if (pending.Count == MaxTensors)
            {
                throw new ProtocolException(400, $"more than {MaxTensors} tensors");
            }

            pending.Add(ReadTensor(ref reader, json));
        }
    }

    private static PendingTensor ReadTensor(ref Utf8JsonReader reader, ReadOnlyMemory<byte> json)
    {
        string? name = null;
        string? datatype = null;
        long[]? shape = null;
        long? binarySize = null;
        ReadOnlyMemory<byte>? data = null;
        Range? skipped = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("name"u8))
            {
                reader.Read();
                name = Text(ref reader, "name");
            }
            else if (reader.ValueTextEquals("datatype"u8))
            {
                reader.Read();
                datatype = Text(ref reader, "datatype");
            }
            else if (reader.ValueTextEquals("shape"u8))
            {
                reader.Read();
                shape = ReadShape(ref reader, name);
            }
            else if (reader.ValueTextEquals("parameters"u8))
            {
                reader.Read();
                binarySize = ReadTensorParameters(ref reader, name).Size;
            }
            else if (reader.ValueTextEquals("data"u8))
            {
                if (data is not null || skipped is not null)
                {
                    throw new ProtocolException(400, $"input '{name}' has 'data' twice");
                }

                reader.Read();
                if (name is not null && datatype is not null && shape is not null)
                {
                    data = TensorData.Read(ref reader, name, Type(name, datatype), shape, Room(json));
                }
                else
                {
                    // Name, datatype and shape follow: come back when they are known.
                    var start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    skipped = start..(int)reader.BytesConsumed;
                }
            }
            else
            {
                reader.Skip();
            }
        }

        if (name is null || datatype is null || shape is null)
        {
            throw new ProtocolException(400, $"a tensor{(name is null ? "" : $" ('{name}')")} lacks '{(name is null ? "name" : datatype is null ? "datatype" : "shape")}'");
        }

        var type = Type(name, datatype);
        if (skipped is { } range)
        {
            var inner = new Utf8JsonReader(json[range].Span, s_options);
            inner.Read();
            data = TensorData.Read(ref inner, name, type, shape, Room(json));
        }

        return (data, binarySize) switch
        {
            (null, null) => throw new ProtocolException(400, $"input '{name}' has neither 'data' nor 'binary_data_size'"),
            (not null, not null) => throw new ProtocolException(400, $"input '{name}' has both 'data' and 'binary_data_size'"),
            _ => new PendingTensor(name, type, shape, data, binarySize ?? 0),
        };
    }

    /// <summary>An element takes at least two bytes of JSON (a digit and a comma) and at most eight of memory.</summary>
    private static long Room(ReadOnlyMemory<byte> json) => 8L * json.Length;

    private static TensorType Type(string name, string datatype)
    {
        var type = TensorTypes.FromProtocolName(datatype);
        return type != TensorType.Undefined
            ? type
            : throw new ProtocolException(400, $"input '{name}' has the unknown datatype '{datatype}'") { Violation = (name, "datatype") };
    }

    private static long[] ReadShape(ref Utf8JsonReader reader, string? name)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new ProtocolException(400, $"the shape of '{name}' must be an array of whole numbers");
        }

        var shape = new List<long>(4);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var dimension) || dimension < 0 || shape.Count == 16)
            {
                throw new ProtocolException(400, $"the shape of '{name}' must be an array of at most 16 whole numbers, each at least 0") { Violation = (name ?? "", "shape") };
            }

            shape.Add(dimension);
        }

        return [.. shape];
    }

    private static (long? Size, bool? Binary) ReadTensorParameters(ref Utf8JsonReader reader, string? name)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new ProtocolException(400, $"the parameters of '{name}' must be an object");
        }

        (long? Size, bool? Binary) result = default;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("binary_data_size"u8))
            {
                reader.Read();
                result.Size = reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var size) && size >= 0
                    ? size
                    : throw new ProtocolException(400, $"binary_data_size of '{name}' must be a whole number, at least 0");
            }
            else if (reader.ValueTextEquals("binary_data"u8))
            {
                reader.Read();
                result.Binary = Flag(ref reader, "binary_data");
            }
            else
            {
                reader.Skip();
            }
        }

        return result;
    }

    private static List<RequestedOutput> ReadRequested(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new ProtocolException(400, "'outputs' must be an array");
        }

        var outputs = new List<RequestedOutput>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw new ProtocolException(400, "'outputs' must be an array of objects");
            }

            string? name = null;
            bool? binary = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("name"u8))
                {
                    reader.Read();
                    name = Text(ref reader, "name");
                }
                else if (reader.ValueTextEquals("parameters"u8))
                {
                    reader.Read();
                    binary = ReadTensorParameters(ref reader, name).Binary;
                }
                else
                {
                    reader.Skip();
                }
            }

            if (name is null)
            {
                throw new ProtocolException(400, "an entry of 'outputs' lacks 'name'");
            }

            if (outputs.Count == MaxTensors || outputs.Exists(o => o.Name == name))
            {
                throw new ProtocolException(400, $"output '{name}' is asked for twice, or there are more than {MaxTensors}");
            }

            outputs.Add(new RequestedOutput(name, binary));
        }

        return outputs;
    }

    private static void ReadParameters(ref Utf8JsonReader reader, InferMessage message)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new ProtocolException(400, "'parameters' must be an object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("binary_data_output"u8))
            {
                reader.Read();
                message.BinaryOutputs = Flag(ref reader, "binary_data_output");
                continue;
            }

            var key = reader.GetString()!;
            reader.Read();
            string? value = reader.TokenType switch
            {
                JsonTokenType.String => Text(ref reader, key),
                JsonTokenType.Number => System.Text.Encoding.UTF8.GetString(reader.ValueSpan),
                JsonTokenType.True => "true",
                JsonTokenType.False => "false",
                _ => null,
            };
            if (value is null)
            {
                reader.Skip();
            }
            else if (message.Parameters.Count < 64 && key.Length <= 256)
            {
                message.Parameters.Add(new Contracts.Attribute { Key = key, Value = value });
            }
        }
    }

    private static void TakeBinary(InferMessage message, List<PendingTensor> pending, ReadOnlyMemory<byte> rest)
    {
        foreach (var tensor in pending)
        {
            if (tensor.Data is { } data)
            {
                message.Tensors.Add(new ScoringTensor(tensor.Name, tensor.Type, tensor.Shape, data));
                continue;
            }

            if (tensor.BinarySize > rest.Length)
            {
                throw new ProtocolException(400, $"input '{tensor.Name}' should have {tensor.BinarySize} bytes of binary data, but the body ends after {rest.Length}") { Violation = (tensor.Name, "shape") };
            }

            message.Tensors.Add(new ScoringTensor(tensor.Name, tensor.Type, tensor.Shape, rest[..(int)tensor.BinarySize]));
            rest = rest[(int)tensor.BinarySize..];
        }

        if (rest.Length > 0)
        {
            throw new ProtocolException(400, $"{rest.Length} bytes follow the tensors: binary_data_size and the body disagree");
        }
    }

    private static void Once(ref bool seen, string name)
    {
        if (seen)
        {
            throw new ProtocolException(400, $"'{name}' is there twice");
        }

        seen = true;
    }

    private static bool Flag(ref Utf8JsonReader reader, string name) => reader.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw new ProtocolException(400, $"'{name}' must be true or false"),
    };

    private static string Text(ref Utf8JsonReader reader, string name) => reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length <= MaxText
        ? reader.GetString()!
        : throw new ProtocolException(400, $"'{name}' must be a string of at most {MaxText} bytes");

    private static string FirstSentence(string message)
    {
        var end = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return end < 0 ? message : message[..end];
    }

    private readonly record struct PendingTensor(string Name, TensorType Type, long[] Shape, ReadOnlyMemory<byte>? Data, long BinarySize);
}
