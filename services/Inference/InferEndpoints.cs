using System.Buffers;
using System.Globalization;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>
/// The Open Inference Protocol v2 over REST. Every refusal has the protocol's error form, and nothing of monitoring shows in an
/// answer.
/// </summary>
internal sealed class InferEndpoints(
    ModelRepository repository,
    EventCapture capture,
    ControlGate gate,
    InferenceMetrics metrics,
    ControlMetrics controlMetrics,
    LoadedConfiguration configuration,
    TimeProvider time)
{
    /// <summary>Bytes of the JSON part of a body with binary tensors.</summary>
    public const string HeaderLength = "Inference-Header-Content-Length";

    private const string ServerName = "monitoring";
    private const string Tag = "models";
    private readonly long _maxBytes = configuration.Value.Capture.MaxRequestBytes.Bytes;

    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/v2/health/live", c => WriteAsync(c, 200, new { live = true })).AllowAnonymous().Describe("The server answers.", Tag);
        endpoints.MapGet("/v2/health/ready", c => GuardAsync(c, ReadyAsync)).AllowAnonymous().Describe("All models are ready, or 400.", Tag);
        endpoints.MapGet("/v2", ServerAsync).RequireAuthorization(Policies.Publish).Describe("The server's name, version and extensions.", Tag);
        endpoints.MapGet("/v2/models", c => WriteAsync(c, 200, new { models = repository.Models.Select(m => m.Name).Order(StringComparer.Ordinal) })).RequireAuthorization(Policies.Publish).Describe("Names of the models.", Tag);
        foreach (var path in new[] { "/v2/models/{model}", "/v2/models/{model}/versions/{version}" })
        {
            endpoints.MapGet(path, c => GuardAsync(c, ModelAsync)).RequireAuthorization(Policies.Publish).Describe("A model's versions, inputs and outputs.", Tag, response: typeof(DescribedBodies.ModelBody)).ProducesError(StatusCodes.Status404NotFound);
            endpoints.MapGet(path + "/ready", c => GuardAsync(c, ModelReadyAsync)).AllowAnonymous().Describe("The model is ready, or 400.", Tag);
            var infer = endpoints.MapPost(path + "/infer", InferAsync)
                .Describe("Ask a model. Open Inference Protocol v2, binary tensors by the header Inference-Header-Content-Length.", Tag, response: typeof(DescribedBodies.InferAnswerBody), request: typeof(DescribedBodies.InferBody), contentTypes: ["application/json", "application/octet-stream"])
                .ProducesError(StatusCodes.Status400BadRequest, StatusCodes.Status403Forbidden, StatusCodes.Status404NotFound, StatusCodes.Status429TooManyRequests, StatusCodes.Status503ServiceUnavailable);
            if (configuration.Value.Api is { Keys.Count: 0, Oidc: null })
            {
                // Nothing to check (the posture check warns of it): do not pay for it on every call.
                infer.AllowAnonymous().ShortCircuit();
            }
            else
            {
                infer.RequireAuthorization(Policies.Publish);
            }
        }

        endpoints.MapPost("/v2/repository/models/{model}/load", c => GuardAsync(c, LoadAsync)).RequireAuthorization(Policies.Admin).Describe("Load the model's versions.", Tag).ProducesError(StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound);
        endpoints.MapPost("/v2/repository/models/{model}/unload", c => GuardAsync(c, UnloadAsync)).RequireAuthorization(Policies.Admin).Describe("Unload all versions of the model.", Tag).ProducesError(StatusCodes.Status404NotFound);
        endpoints.Map("/v2/{**rest}", c => WriteErrorAsync(c, 404, $"there is no {c.Request.Method} {c.Request.Path}")).AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>Writes the error form.</summary>
    public static async Task WriteErrorAsync(HttpContext context, int status, string message)
    {
        if (context.Response.HasStarted)
        {
            return;
        }

        var body = InferResponse.Error(message);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }

    private static async Task WriteAsync(HttpContext context, int status, object body)
    {
        context.Response.StatusCode = status;
        await context.Response.WriteAsJsonAsync(body, context.RequestAborted).ConfigureAwait(false);
    }

    private static async Task GuardAsync(HttpContext context, Func<HttpContext, Task> action)
    {
        try
        {
            await action(context).ConfigureAwait(false);
        }
        catch (ProtocolException e)
        {
            await WriteErrorAsync(context, e.Status, e.Message).ConfigureAwait(false);
        }
    }

    private static string? Version(HttpContext context) => (string?)context.Request.RouteValues["version"];

    /// <summary>403 where the caller's key is limited to other models.</summary>
    public static void CheckAllowed(HttpContext context, ServedModel model)
    {
        if (context.User.LimitedTo(Policies.Publish) is { } models && !models.Contains(model.Name))
        {
            throw new ProtocolException(403, $"this key is not for model '{model.Name}'");
        }
    }

    private async Task ReadyAsync(HttpContext context)
    {
        var ready = true;
        foreach (var model in repository.Models)
        {
            foreach (var version in model.Versions)
            {
                ready &= await IsReadyAsync(model, version, context.RequestAborted).ConfigureAwait(false);
            }
        }

        await WriteAsync(context, ready ? 200 : 400, new { ready }).ConfigureAwait(false);
    }

    private static async ValueTask<bool> IsReadyAsync(ServedModel model, string? name, CancellationToken cancellationToken)
    {
        var version = model.Enter(name);
        try
        {
            return await version.IsReadyAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            version.Exit();
        }
    }

    private Task ServerAsync(HttpContext context) => WriteAsync(context, 200, new
    {
        name = ServerName,
        version = typeof(InferEndpoints).Assembly.GetName().Version!.ToString(3),
        extensions = new[] { "binary_tensor_data", "model_repository" },
    });

    private async Task ModelAsync(HttpContext context)
    {
        var model = Model(context);
        CheckAllowed(context, model);
        var version = model.Enter(Version(context));
        try
        {
            var description = await version.DescribeAsync(context.RequestAborted).ConfigureAwait(false);
            await WriteAsync(context, 200, new
            {
                name = model.Name,
                versions = model.Versions,
                platform = description.Platform,
                inputs = description.Inputs.Select(Describe),
                outputs = description.Outputs.Select(Describe),
            }).ConfigureAwait(false);
        }
        finally
        {
            version.Exit();
        }

        static object Describe(TensorInfo tensor) => new { name = tensor.Name, datatype = tensor.Type.ProtocolName(), shape = tensor.Shape };
    }

    private async Task ModelReadyAsync(HttpContext context)
    {
        var model = Model(context);
        var ready = await IsReadyAsync(model, Version(context), context.RequestAborted).ConfigureAwait(false);
        await WriteAsync(context, ready ? 200 : 400, new { name = model.Name, ready }).ConfigureAwait(false);
    }

    private Task LoadAsync(HttpContext context)
    {
        try
        {
            repository.Load(Model(context));
        }
        catch (ScoringException e)
        {
            throw new ProtocolException(400, e.Message);
        }

        return WriteAsync(context, 200, new { });
    }

    private Task UnloadAsync(HttpContext context)
    {
        Model(context).Replace([]);
        return WriteAsync(context, 200, new { });
    }

    private ServedModel Model(HttpContext context) => repository.Get((string)context.Request.RouteValues["model"]!);

    private async Task InferAsync(HttpContext context)
    {
        var start = time.GetTimestamp();
        var arrival = time.GetUtcNow();
        ServedModel model;
        try
        {
            model = Model(context);
            CheckAllowed(context, model);
        }
        catch (ProtocolException e)
        {
            await WriteErrorAsync(context, e.Status, e.Message).ConfigureAwait(false);
            return;
        }

        model.Statistics.AddReceived();
        var client = model.Clients.Identify(context);
        var verdict = gate.Judge(Door.Served, model.Name, client.Id);
        if (verdict.IsRefused)
        {
            // It never reached the model: counted, and no event, so that a flood that is refused does not flood the log.
            model.Statistics.AddRequest(verdict.Status);
            if (verdict.Status == 429)
            {
                context.Response.Headers.RetryAfter = verdict.RetryAfter.ToString(CultureInfo.InvariantCulture);
            }

            await WriteErrorAsync(context, verdict.Status, verdict.Message).ConfigureAwait(false);
            return;
        }

        var call = new CapturedCall
        {
            Id = Guid.CreateVersion7(arrival).ToString("N"),
            TimeUnixNano = EventCapture.UnixNano(arrival),
            ModelVersion = Version(context) ?? model.Configuration.Version,
            Client = client,
            Control = verdict.Mark,
            RequestId = context.Request.Headers.TryGetValue("X-Request-Id", out var requestId) ? requestId.ToString() : "",
            TraceParent = context.Request.Headers.TraceParent.Count == 1 ? Short(context.Request.Headers.TraceParent[0]!) : "",
        };
        var body = new ArrayBufferWriter<byte>(1024);
        int? jsonLength = null;
        try
        {
            (jsonLength, call.Status) = (await AnswerAsync(context, model, call, verdict, body).ConfigureAwait(false), 200);
        }
        catch (ProtocolException e)
        {
            (call.Status, call.Error) = (e.Status, e.Message);
            call.Refusal = e.Violation is { } violation ? new SchemaViolation { Feature = violation.Feature, Kind = violation.Kind, Detail = e.Message } : null;
            call.Outputs = [];
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller has gone; what was asked is still worth knowing. 499 is nginx's name for it.
            (call.Status, call.Error) = (499, "the caller closed the connection");
        }

        call.LatencyNano = (long)time.GetElapsedTime(start).TotalNanoseconds;
        await capture.CaptureAsync(model, call, CancellationToken.None).ConfigureAwait(false);
        model.Statistics.AddRequest(call.Status);
        metrics.RecordLatency(model, time.GetElapsedTime(start));
        if (call.Status != 200)
        {
            await WriteErrorAsync(context, call.Status, call.Error).ConfigureAwait(false);
            return;
        }

        var response = context.Response;
        response.ContentType = jsonLength is null ? "application/json" : "application/octet-stream";
        if (jsonLength is { } length)
        {
            response.Headers[HeaderLength] = length.ToString(CultureInfo.InvariantCulture);
        }

        response.ContentLength = body.WrittenCount;
        await response.BodyWriter.WriteAsync(body.WrittenMemory, context.RequestAborted).ConfigureAwait(false);
    }

    private async ValueTask<int?> AnswerAsync(HttpContext context, ServedModel model, CapturedCall call, Verdict verdict, ArrayBufferWriter<byte> body)
    {
        var version = Enter(context, model, verdict);
        call.ModelVersion = version.Version;
        try
        {
            var bytes = await RequestBody.ReadAsync(context.Request, _maxBytes, context.RequestAborted).ConfigureAwait(false);
            var request = ReadRequest(context.Request, version, bytes);
            call.Inputs = request.Tensors;
            call.RequestId = request.Id ?? call.RequestId;
            call.Attributes = request.Parameters;
            var answer = await version.InferAsync(request, context.RequestAborted).ConfigureAwait(false);
            call.ModelVersion = answer.ModelVersion ?? call.ModelVersion;
            call.Outputs = answer.Captured;
            var outputs = verdict.Decimals is { } decimals ? Coarsening.Apply(answer.Outputs, decimals) : answer.Outputs;
            foreach (var output in outputs)
            {
                if (TensorData.HasNonFinite(output) && !InferResponse.IsBinary(request, output.Name))
                {
                    throw new ProtocolException(
                        request.Tensors.Exists(TensorData.HasNonFinite) ? 400 : 500,
                        $"output '{output.Name}' holds NaN or infinity, which JSON cannot carry; ask for binary_data");
                }
            }

            return InferResponse.Write(body, model.Name, call.ModelVersion, request.Id, outputs, request);
        }
        finally
        {
            version.Exit();
        }
    }

    /// <summary>Begins the call on the version asked for, or on the one that a decision sends this client to; where that is not there the call is not lost.</summary>
    private ModelVersion Enter(HttpContext context, ServedModel model, Verdict verdict)
    {
        if (verdict.Target is { } target)
        {
            if (model.TryEnter(target) is { } other)
            {
                return other;
            }

            controlMetrics.Unroutable(model.Name);
        }

        return model.Enter(Version(context));
    }

    private static InferMessage ReadRequest(HttpRequest request, ModelVersion version, ReadOnlyMemory<byte> body)
    {
        if (!request.Headers.TryGetValue(HeaderLength, out var header))
        {
            return InferMessageReader.ReadRequest(body, null);
        }

        if (!int.TryParse(header, NumberStyles.None, CultureInfo.InvariantCulture, out var length))
        {
            throw new ProtocolException(400, $"{HeaderLength} must be a whole number");
        }

        return length == 0 ? RawRequest(version, body) : InferMessageReader.ReadRequest(body, length);
    }

    /// <summary>Triton's raw request: no JSON, one tensor, the shape as the model says and the free dimension from the length.</summary>
    private static InferMessage RawRequest(ModelVersion version, ReadOnlyMemory<byte> body)
    {
        if (version.SingleInput is not { } input || input.Shape.Count(d => d < 0) > 1 || (input.Type == TensorType.Bytes && input.Shape.Count != 1))
        {
            throw new ProtocolException(400, $"a raw request ({HeaderLength}: 0) needs a model with one input whose shape is known but for one dimension");
        }

        var shape = input.Shape.ToArray();
        var free = Array.FindIndex(shape, d => d < 0);
        if (free >= 0)
        {
            var row = shape.Where(d => d >= 0).Aggregate((long)Math.Max(1, input.Type.Size()), (a, b) => a * b);
            shape[free] = input.Type == TensorType.Bytes ? 1 : body.Length / Math.Max(1, row);
        }

        var message = new InferMessage { BinaryOutputs = true };
        try
        {
            var data = body;
            if (input.Type == TensorType.Bytes)
            {
                data = new byte[4 + body.Length];
                System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(System.Runtime.InteropServices.MemoryMarshal.AsMemory(data).Span, body.Length);
                body.CopyTo(System.Runtime.InteropServices.MemoryMarshal.AsMemory(data)[4..]);
            }

            message.Tensors.Add(new ScoringTensor(input.Name, input.Type, shape, data));
            return message;
        }
        catch (ScoringException e)
        {
            throw new ProtocolException(400, e.Message) { Violation = (input.Name, "shape") };
        }
    }

    private static string Short(string text) => text.Length <= 128 ? text : "";
}
