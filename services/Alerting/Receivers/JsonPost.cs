using System.Net.Http.Headers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Monitoring.Alerting.Receivers;

/// <summary>Posts JSON and reads the answer, for the providers that take a plain POST.</summary>
internal static class JsonPost
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.General)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        // The body is JSON and never HTML; escaping every non-ASCII letter sixfold would eat the providers' limits.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static byte[] Serialize(object value) => JsonSerializer.SerializeToUtf8Bytes(value, s_options);

    /// <summary>The answer and its body, at most 4 kB of it.</summary>
    public static async Task<(DeliveryResult Result, int Status, string Body)> SendAsync(HttpClient http, Uri url, byte[] body, TimeProvider time, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        var answer = await HttpAnswer.ReadBodyAsync(response, cancellationToken).ConfigureAwait(false);
        return (HttpAnswer.Read(response, answer, time), (int)response.StatusCode, answer);
    }
}
