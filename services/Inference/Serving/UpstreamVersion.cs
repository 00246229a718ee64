using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>
/// A version that another server of the protocol answers. Tensors travel in binary unless <c>binary: false</c> says that the
/// server lacks the extension.
/// </summary>
internal sealed class UpstreamVersion : ModelVersion
{
    private readonly HttpClient _client;
    private readonly UpstreamConfiguration _upstream;
    private readonly string[] _exports;
    private readonly string _path;
    private readonly long _maxBytes;

    public UpstreamVersion(ModelConfiguration model, string version, UpstreamConfiguration upstream, bool isCurrent, HttpClient client, long maxBytes)
        : base(model.Name, version)
    {
        _client = client;
        _upstream = upstream;
        _exports = [.. model.Exports];
        _maxBytes = maxBytes;
        // The current version is the server's to choose; the others are asked for by name.
        _path = $"{upstream.Url!.ToString().TrimEnd('/')}/v2/models/{Uri.EscapeDataString(upstream.Model ?? model.Name)}{(isCurrent ? "" : $"/versions/{Uri.EscapeDataString(version)}")}";
    }

    /// <summary>Whether a model's <c>fallback</c> is an address rather than a version.</summary>
    public static bool IsAddress(string fallback) => Uri.TryCreate(fallback, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";

    public override async ValueTask<ModelDescription> DescribeAsync(CancellationToken cancellationToken)
    {
        var (status, body, _) = await SendAsync(new HttpRequestMessage(HttpMethod.Get, _path), cancellationToken).ConfigureAwait(false);
        if (status != 200)
        {
            throw Refused(status, body);
        }

        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            var outputs = Tensors(root, "outputs").Where(o => !_exports.Contains(o.Name));
            return new ModelDescription(root.TryGetProperty("platform", out var platform) ? platform.GetString() ?? "" : "", [.. Tensors(root, "inputs")], [.. outputs]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new ProtocolException(502, $"the upstream server of model '{Model}' gave metadata that cannot be read: {e.Message}");
        }
    }

    public override async ValueTask<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        try
        {
            var (status, _, _) = await SendAsync(new HttpRequestMessage(HttpMethod.Get, _path + "/ready"), cancellationToken).ConfigureAwait(false);
            return status == 200;
        }
        catch (ProtocolException)
        {
            return false;
        }
    }

    public override async ValueTask<Answer> InferAsync(InferMessage request, CancellationToken cancellationToken)
    {
        var asked = request.RequestedOutputs is { Count: > 0 } requested ? requested.ConvertAll(o => o.Name) : null;
        var buffer = new ArrayBufferWriter<byte>();
        var jsonLength = InferResponse.WriteRequest(buffer, request, asked?.Union(_exports, StringComparer.Ordinal), _upstream.Binary);
        using var message = new HttpRequestMessage(HttpMethod.Post, _path + "/infer") { Content = new ReadOnlyMemoryContent(buffer.WrittenMemory) };
        message.Content.Headers.ContentType = new MediaTypeHeaderValue(jsonLength is null ? "application/json" : "application/octet-stream");
        if (jsonLength is { } length)
        {
            message.Headers.Add(InferEndpoints.HeaderLength, length.ToString(CultureInfo.InvariantCulture));
        }

        var (status, body, responseLength) = await SendAsync(message, cancellationToken).ConfigureAwait(false);
        if (status != 200)
        {
            throw Refused(status, body);
        }

        InferMessage response;
        try
        {
            response = InferMessageReader.ReadResponse(body, responseLength);
        }
        catch (ProtocolException e)
        {
            throw new ProtocolException(502, $"the upstream server of model '{Model}' gave an answer that cannot be read: {e.Message}");
        }

        IReadOnlyList<ScoringTensor> outputs = asked is null
            ? response.Tensors.FindAll(t => !_exports.Contains(t.Name))
            : asked.ConvertAll(name => response.Tensors.Find(t => t.Name == name)
                ?? throw new ProtocolException(502, $"the upstream server of model '{Model}' did not give the output '{name}'"));
        return new Answer(outputs, response.Tensors, response.ModelVersion);
    }

    protected override void Free() => _client.Dispose();

    private static IEnumerable<TensorInfo> Tensors(JsonElement root, string name) =>
        root.GetProperty(name).EnumerateArray().Select(t => new TensorInfo(
            t.GetProperty("name").GetString()!,
            TensorTypes.FromProtocolName(t.GetProperty("datatype").GetString()!) is not TensorType.Undefined and var type ? type : throw new FormatException($"unknown datatype {t.GetProperty("datatype")}"),
            [.. t.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())]));

    private ProtocolException Refused(int status, ReadOnlyMemory<byte> body)
    {
        var reason = "";
        try
        {
            using var document = JsonDocument.Parse(body);
            reason = document.RootElement.TryGetProperty("error", out var error) ? error.ToString() : "";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The status alone has to do.
        }

        return new ProtocolException(
            status is >= 400 and < 600 ? status : 502,
            $"the upstream server of model '{Model}' answered {status}{(reason.Length > 0 ? ": " + reason : "")}");
    }

    private async ValueTask<(int Status, ReadOnlyMemory<byte> Body, int? JsonLength)> SendAsync(HttpRequestMessage message, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_upstream.Timeout);
        try
        {
            using var response = await _client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
            var body = new ArrayBufferWriter<byte>(16384);
            await using var stream = await response.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
            int read;
            while ((read = await stream.ReadAsync(body.GetMemory(16384), limit.Token).ConfigureAwait(false)) > 0)
            {
                body.Advance(read);
                if (body.WrittenCount > _maxBytes)
                {
                    throw new ProtocolException(502, $"the upstream server of model '{Model}' answered with more than {_maxBytes} bytes");
                }
            }

            int? length = response.Headers.TryGetValues(InferEndpoints.HeaderLength, out var values)
                && int.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : null;
            return ((int)response.StatusCode, body.WrittenMemory, length);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ProtocolException(504, $"the upstream server of model '{Model}' did not answer within {_upstream.Timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new ProtocolException(502, $"the upstream server of model '{Model}' cannot be reached: {e.Message}");
        }
    }
}
