using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Inference;

/// <summary>
/// <c>POST /events</c>: calls that another server answered. Takes CloudEvents 1.0 over HTTP in binary, structured and batch mode, with the
/// payloads of KServe's and Seldon's loggers (two events a call, joined here), and a plain JSON body:
/// <c>{"model", "version"?, "client"?, "id"?, "time"?, "status"?, "error"?, "inputs": […], "outputs"?: […]}</c>, tensors as in the protocol.
/// Answers after the write to disk: 200 to KServe's agent, which takes only that for clean, else 202.
/// </summary>
internal sealed class EventsEndpoint(ModelRepository repository, EventCapture capture, EventJoiner joiner, LoadedConfiguration configuration, TimeProvider time)
{
    private const string KServePrefix = "org.kubeflow.serving.inference.";
    private const string SeldonPrefix = "io.seldon.serving.inference.";
    private const int MaxBatch = 1000;
    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = InferMessageReader.MaxDepth + 4 };
    private readonly long _maxBytes = configuration.Value.Capture.MaxRequestBytes.Bytes;

    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapPost("/events", PostAsync)
        .RequireAuthorization(Policies.Publish)
        .Describe("Calls that another server answered: CloudEvents of KServe's and Seldon's loggers in any mode, or a plain JSON body with model, inputs and outputs. 200 to KServe's agent, else 202.", "calls", StatusCodes.Status202Accepted, null, typeof(DescribedBodies.InferBody), "application/json", "application/cloudevents+json", "application/cloudevents-batch+json")
        .ProducesError(StatusCodes.Status400BadRequest, StatusCodes.Status503ServiceUnavailable);

    /// <summary>Takes a CloudEvent that came another way than over HTTP. Returns when it is on disk, or joined with its other half there.</summary>
    /// <param name="attributes">Attributes by lower-case name, extensions among them.</param>
    /// <param name="data">Its data.</param>
    /// <exception cref="ProtocolException">It cannot be taken: 503 when there is no room now, else because of what it is.</exception>
    /// <exception cref="JsonException">Its data is not the JSON that it says to be.</exception>
    public async ValueTask AcceptAsync(Dictionary<string, string> attributes, ReadOnlyMemory<byte> data) => await EventAsync(null, attributes, data, null).ConfigureAwait(false);

    /// <summary>Takes a CloudEvent in structured mode; see <see cref="AcceptAsync(Dictionary{string, string}, ReadOnlyMemory{byte})"/>.</summary>
    public async ValueTask AcceptAsync(ReadOnlyMemory<byte> structured)
    {
        using var document = JsonDocument.Parse(structured, s_options);
        await StructuredAsync(null, document.RootElement).ConfigureAwait(false);
    }

    private async Task PostAsync(HttpContext context)
    {
        try
        {
            var body = await RequestBody.ReadAsync(context.Request, _maxBytes, context.RequestAborted).ConfigureAwait(false);
            var status = await AcceptAsync(context, body).ConfigureAwait(false);
            context.Response.StatusCode = status;
            context.Response.ContentLength = 0;
        }
        catch (ProtocolException e)
        {
            await InferEndpoints.WriteErrorAsync(context, e.Status, e.Message).ConfigureAwait(false);
        }
        catch (JsonException e)
        {
            await InferEndpoints.WriteErrorAsync(context, 400, $"malformed JSON: {e.Message}").ConfigureAwait(false);
        }
    }

    private async ValueTask<int> AcceptAsync(HttpContext context, ReadOnlyMemory<byte> body)
    {
        var type = context.Request.ContentType ?? "";
        if (type.StartsWith("application/cloudevents-batch", StringComparison.OrdinalIgnoreCase))
        {
            using var batch = JsonDocument.Parse(body, s_options);
            if (batch.RootElement.ValueKind != JsonValueKind.Array || batch.RootElement.GetArrayLength() > MaxBatch)
            {
                throw new ProtocolException(400, $"a batch must be an array of at most {MaxBatch} events");
            }

            var status = 202;
            foreach (var element in batch.RootElement.EnumerateArray())
            {
                status = await StructuredAsync(context, element).ConfigureAwait(false);
            }

            return status;
        }

        if (type.StartsWith("application/cloudevents", StringComparison.OrdinalIgnoreCase))
        {
            using var document = JsonDocument.Parse(body, s_options);
            return await StructuredAsync(context, document.RootElement).ConfigureAwait(false);
        }

        if (context.Request.Headers.ContainsKey("ce-specversion") || context.Request.Headers.ContainsKey("ce-type"))
        {
            return await EventAsync(context, BinaryAttributes(context.Request), body, HeaderLength(context.Request)).ConfigureAwait(false);
        }

        return await PlainAsync(context, body, new Dictionary<string, string>()).ConfigureAwait(false);
    }

    private static Dictionary<string, string> BinaryAttributes(HttpRequest request)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in request.Headers)
        {
            if (name.StartsWith("ce-", StringComparison.OrdinalIgnoreCase) && value.Count > 0)
            {
                var key = name[3..].ToLowerInvariant();

                // KServe's logger writes JSON unescaped; decoding it could corrupt a literal %41.
                attributes[key] = key is "metadata" or "annotations" ? value[0]! : Uri.UnescapeDataString(value[0]!);
            }
        }

        return attributes;
    }

    private static int? HeaderLength(HttpRequest request) =>
        int.TryParse(request.Headers[InferEndpoints.HeaderLength], NumberStyles.None, CultureInfo.InvariantCulture, out var length) ? length : null;

    private async ValueTask<int> StructuredAsync(HttpContext? context, JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new ProtocolException(400, "a CloudEvent must be a JSON object");
        }

        var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
        ReadOnlyMemory<byte> data = default;
        foreach (var property in element.EnumerateObject())
        {
            switch (property.Name)
            {
                case "data":
                    data = Encoding.UTF8.GetBytes(property.Value.GetRawText());
                    break;
                case "data_base64":
                    data = property.Value.ValueKind == JsonValueKind.String && property.Value.TryGetBytesFromBase64(out var bytes)
                        ? bytes
                        : throw new ProtocolException(400, "data_base64 is not base64");
                    break;
                default:
                    attributes[property.Name.ToLowerInvariant()] = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : property.Value.GetRawText();
                    break;
            }
        }

        return await EventAsync(context, attributes, data, null).ConfigureAwait(false);
    }

    private async ValueTask<int> EventAsync(HttpContext? context, Dictionary<string, string> attributes, ReadOnlyMemory<byte> data, int? jsonLength)
    {
        foreach (var required in new[] { "specversion", "id", "source", "type" })
        {
            if (string.IsNullOrEmpty(attributes.GetValueOrDefault(required)))
            {
                throw new ProtocolException(400, $"the CloudEvent lacks '{required}'");
            }
        }

        if (data.Length > 2 && data.Span[0] == 0x1f && data.Span[1] == 0x8b)
        {
            data = RequestBody.Unzip(data, _maxBytes);
        }

        var type = attributes["type"];
        if (type is KServePrefix + "request" or KServePrefix + "response")
        {
            var key = Join("kserve", attributes, "source", "namespace", "inferenceservicename", "component", "endpoint", "id");
            await HalfAsync(context, attributes, attributes.GetValueOrDefault("inferenceservicename"), key, attributes["id"], type.EndsWith("response", StringComparison.Ordinal), data, jsonLength).ConfigureAwait(false);
            return 200;
        }

        if (type is SeldonPrefix + "request" or SeldonPrefix + "response")
        {
            if (string.IsNullOrEmpty(attributes.GetValueOrDefault("requestid")))
            {
                throw new ProtocolException(400, "the CloudEvent lacks 'requestid', by which Seldon's events are joined");
            }

            var key = Join("seldon", attributes, "namespace", "inferenceservicename", "endpoint", "modelid", "requestid");
            var name = attributes.GetValueOrDefault("modelid") is { Length: > 0 } node && repository.Find(node) is not null ? node : attributes.GetValueOrDefault("inferenceservicename");
            await HalfAsync(context, attributes, name, key, attributes["requestid"], type.EndsWith("response", StringComparison.Ordinal), data, jsonLength).ConfigureAwait(false);
            return 202;
        }

        if (type.StartsWith("io.seldon.", StringComparison.Ordinal) || type.StartsWith("org.kubeflow.", StringComparison.Ordinal))
        {
            throw new ProtocolException(400, $"events of type '{type}' are not understood here");
        }

        return await PlainAsync(context, data, attributes).ConfigureAwait(false);
    }

    private static string Join(string kind, Dictionary<string, string> attributes, params string[] names) =>
        string.Join('\u001f', names.Select(n => attributes.GetValueOrDefault(n) ?? "").Prepend(kind));

    private async ValueTask HalfAsync(
        HttpContext? context,
        Dictionary<string, string> attributes,
        string? name,
        string key,
        string requestId,
        bool isResponse,
        ReadOnlyMemory<byte> payload,
        int? jsonLength)
    {
        var model = repository.Get(name ?? "");
        CheckAllowed(context, model);
        model.Statistics.AddReceived();
        var now = EventCapture.UnixNano(time.GetUtcNow());
        var half = new LoggedHalf
        {
            Key = key,
            Model = model.Name,
            IsResponse = isResponse,
            ReceivedUnixNano = now,
            TimeUnixNano = Time(attributes.GetValueOrDefault("time"), now),
            RequestId = requestId,
            Client = model.Clients.Identify(attributes),
            TraceParent = attributes.GetValueOrDefault("traceparent") is { Length: <= 128 } trace ? trace : "",
            Status = int.TryParse(attributes.GetValueOrDefault("statuscode"), NumberStyles.None, CultureInfo.InvariantCulture, out var status) ? status : 0,
            JsonLength = jsonLength,
            Payload = payload,
            Message = LoggedPayload.Read(payload, jsonLength, isResponse),
        };
        if (!await joiner.AddAsync(model, half, context?.RequestAborted ?? CancellationToken.None).ConfigureAwait(false))
        {
            throw NoRoom();
        }
    }

    private async ValueTask<int> PlainAsync(HttpContext? context, ReadOnlyMemory<byte> body, Dictionary<string, string> attributes)
    {
        var fields = Fields(body.Span, out var hasOutputs);
        if (!fields.TryGetValue("model", out var name))
        {
            throw new ProtocolException(400, "'model' is missing");
        }

        var model = repository.Get(name);
        CheckAllowed(context, model);
        model.Statistics.AddReceived();
        var request = InferMessageReader.ReadRequest(body, null);
        var outputs = hasOutputs ? InferMessageReader.ReadResponse(body, null).Tensors : [];
        var now = EventCapture.UnixNano(time.GetUtcNow());

        // Whoever may publish events says who called; the publisher itself is not the client.
        if (fields.TryGetValue("client", out var client))
        {
            attributes["client"] = client;
        }

        var identity = attributes.TryGetValue("id", out var eventId)
            ? Join("event", attributes, "source", "id", "type")
            : fields.TryGetValue("id", out var own) ? $"plain\u001f{model.Name}\u001f{own}" : null;
        if (identity is not null && await joiner.IsRepeatAsync(identity, context?.RequestAborted ?? CancellationToken.None).ConfigureAwait(false))
        {
            model.Statistics.AddDuplicate();
            return 202;
        }

        var call = new CapturedCall
        {
            Id = identity is null ? Guid.CreateVersion7(time.GetUtcNow()).ToString("N") : EventJoiner.EventId(identity),
            TimeUnixNano = Time(fields.GetValueOrDefault("time") ?? attributes.GetValueOrDefault("time"), now),
            ModelVersion = fields.GetValueOrDefault("version") ?? model.Configuration.Version,
            Client = model.Clients.Identify(attributes),
            RequestId = fields.GetValueOrDefault("id") ?? eventId ?? "",
            TraceParent = attributes.GetValueOrDefault("traceparent") is { Length: <= 128 } trace ? trace : "",
            Inputs = request.Tensors,
            Outputs = outputs,
            Status = int.TryParse(fields.GetValueOrDefault("status"), NumberStyles.None, CultureInfo.InvariantCulture, out var status) ? status : 0,
            Error = fields.GetValueOrDefault("error") ?? "",
            Attributes = request.Parameters,
        };
        if (!await capture.CaptureAsync(model, call, CancellationToken.None).ConfigureAwait(false))
        {
            throw NoRoom();
        }

        return 202;
    }

    /// <summary>The top-level strings and numbers of the plain body; tensors are read by the protocol's reader.</summary>
    private static Dictionary<string, string> Fields(ReadOnlySpan<byte> body, out bool hasOutputs)
    {
        hasOutputs = false;
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = InferMessageReader.MaxDepth });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new ProtocolException(400, "the body must be a JSON object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueSpan.Length > 64)
            {
                reader.Skip();
                continue;
            }

            var name = reader.GetString()!;
            reader.Read();
            hasOutputs |= name == "outputs" && reader.TokenType == JsonTokenType.StartArray;
            if (reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length <= 4096)
            {
                fields[name] = reader.GetString()!;
            }
            else if (reader.TokenType == JsonTokenType.Number)
            {
                fields[name] = Encoding.UTF8.GetString(reader.ValueSpan);
            }
            else
            {
                reader.Skip();
            }
        }

        return fields;
    }

    /// <summary>A caller's key may be for some models only; a source of the configuration is for all.</summary>
    private static void CheckAllowed(HttpContext? context, ServedModel model)
    {
        if (context is not null)
        {
            InferEndpoints.CheckAllowed(context, model);
        }
    }

    private static long Time(string? text, long now) => text is null
        ? now
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var parsed)
            ? EventCapture.UnixNano(parsed)
            : throw new ProtocolException(400, $"'time' is not an RFC 3339 time: '{(text.Length > 64 ? text[..64] : text)}'");

    private static ProtocolException NoRoom() => new(503, "the spool has no room for the event; it was dropped and counted");
}
