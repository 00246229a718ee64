using System.Globalization;
using System.Net;
using System.Text;

namespace Monitoring.Alerting.Receivers;

/// <summary>Reads answers of receivers: bounded, and with what they say about trying again.</summary>
internal static class HttpAnswer
{
    private const int MaxBody = 4096;

    /// <summary>The usual reading: 2xx delivered; 408, 425, 429, 5xx worth another try; 410 gone; everything else, redirects included, rejected.</summary>
    public static DeliveryResult Read(HttpResponseMessage response, string body, TimeProvider time)
    {
        var status = (int)response.StatusCode;
        var detail = string.Create(CultureInfo.InvariantCulture, $"HTTP {status}{(body.Length > 0 && status >= 300 ? ": " + OneLine(body) : "")}");
        return status switch
        {
            >= 200 and < 300 => DeliveryResult.Delivered,
            408 or 425 or 429 or >= 500 => new DeliveryResult(DeliveryOutcome.Retry, detail, RetryAfter(response, time)),
            (int)HttpStatusCode.Gone => new DeliveryResult(DeliveryOutcome.Gone, detail),
            _ => new DeliveryResult(DeliveryOutcome.Rejected, detail),
        };
    }

    public static TimeSpan? RetryAfter(HttpResponseMessage response, TimeProvider time) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when date > time.GetUtcNow() => date - time.GetUtcNow(),
        _ => null,
    };

    /// <summary>At most 4 kB of the body: a receiver cannot fill our memory. The rest is not read.</summary>
    public static async Task<string> ReadBodyAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var buffer = new byte[MaxBody];
            var length = await stream.ReadAtLeastAsync(buffer, MaxBody, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
            return Encoding.UTF8.GetString(buffer, 0, length);
        }
    }

    private static string OneLine(string body)
    {
        var text = new string([.. body.Take(200).Select(c => char.IsControl(c) ? ' ' : c)]);
        return text.Trim();
    }
}
