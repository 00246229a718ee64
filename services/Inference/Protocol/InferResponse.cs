using System.Buffers;
using System.Text.Json;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>Writes infer requests and responses, and the error form.</summary>
internal static class InferResponse
{
    /// <summary>Writes a response; returns the length of its JSON part where binary tensors follow it, else null.</summary>
    public static int? Write(ArrayBufferWriter<byte> buffer, string model, string version, string? id, IReadOnlyList<ScoringTensor> outputs, InferMessage request)
    {
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true }))
        {
            writer.WriteStartObject();
            writer.WriteString("model_name"u8, model);
            writer.WriteString("model_version"u8, version);
            if (id is not null)
            {
                writer.WriteString("id"u8, id);
            }

            WriteTensors(writer, "outputs"u8, outputs, t => IsBinary(request, t.Name));
            writer.WriteEndObject();
        }

        return AppendBinary(buffer, outputs, t => IsBinary(request, t.Name));
    }

    /// <summary>Writes a request for an upstream server, all tensors in binary or all in JSON.</summary>
    public static int? WriteRequest(ArrayBufferWriter<byte> buffer, InferMessage request, IEnumerable<string>? outputs, bool binary)
    {
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            if (request.Id is not null)
            {
                writer.WriteString("id"u8, request.Id);
            }

            writer.WriteStartObject("parameters"u8);
            if (binary)
            {
                writer.WriteBoolean("binary_data_output"u8, true);
            }

            foreach (var parameter in request.Parameters)
            {
                writer.WriteString(parameter.Key, parameter.Value);
            }

            writer.WriteEndObject();
            WriteTensors(writer, "inputs"u8, request.Tensors, _ => binary);
            if (outputs is not null)
            {
                writer.WriteStartArray("outputs"u8);
                foreach (var output in outputs)
                {
                    writer.WriteStartObject();
                    writer.WriteString("name"u8, output);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            }

            writer.WriteEndObject();
        }

        return AppendBinary(buffer, request.Tensors, _ => binary);
    }

    /// <summary><c>{"error": "…"}</c>.</summary>
    public static byte[] Error(string message)
    {
        var buffer = new ArrayBufferWriter<byte>();

        // Read by people: quotation marks stay what they are. Never part of a page.
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WriteString("error"u8, message);
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Whether an output goes out in binary: its own wish, else the request's.</summary>
    public static bool IsBinary(InferMessage request, string output)
    {
        if (request.RequestedOutputs is { } requested)
        {
            foreach (var entry in requested)
            {
                if (entry.Name == output)
                {
                    return entry.Binary ?? request.BinaryOutputs;
                }
            }
        }

        return request.BinaryOutputs;
    }

    private static void WriteTensors(Utf8JsonWriter writer, ReadOnlySpan<byte> name, IReadOnlyList<ScoringTensor> tensors, Func<ScoringTensor, bool> isBinary)
    {
        writer.WriteStartArray(name);
        foreach (var tensor in tensors)
        {
            writer.WriteStartObject();
            writer.WriteString("name"u8, tensor.Name);
            writer.WriteString("datatype"u8, tensor.Type.ProtocolName());
            writer.WriteStartArray("shape"u8);
            foreach (var dimension in tensor.Shape)
            {
                writer.WriteNumberValue(dimension);
            }

            writer.WriteEndArray();
            if (isBinary(tensor))
            {
                writer.WriteStartObject("parameters"u8);
                writer.WriteNumber("binary_data_size"u8, tensor.Data.Length);
                writer.WriteEndObject();
            }
            else
            {
                writer.WritePropertyName("data"u8);
                TensorData.Write(writer, tensor);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static int? AppendBinary(ArrayBufferWriter<byte> buffer, IReadOnlyList<ScoringTensor> tensors, Func<ScoringTensor, bool> isBinary)
    {
        var json = buffer.WrittenCount;
        foreach (var tensor in tensors)
        {
            if (isBinary(tensor))
            {
                buffer.Write(tensor.Data.Span);
            }
        }

        return tensors.Any(isBinary) ? json : null;
    }
}
