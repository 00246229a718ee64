using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Monitoring.Replay.Exchange;

/// <summary>Sends CloudEvents of history to the running installation, which joins and captures them as if they came now; what it has seen before it drops.</summary>
internal sealed class BlobImport(HttpClient http)
{
    private const int Batch = 64;
    private readonly List<string> _refused = [];

    /// <summary>Events taken.</summary>
    public int Sent { get; private set; }

    /// <summary>Why events were refused, the first hundred.</summary>
    public IReadOnlyList<string> Refused => _refused;

    public int RefusedCount { get; private set; }

    /// <summary>Sends events in order. A batch that is refused is sent again one by one, so that one bad event does not take the others along.</summary>
    /// <exception cref="HttpRequestException">The installation is not there, or has no room: what was sent stays sent, and may be sent again.</exception>
    public async Task SendAsync(IEnumerable<Dictionary<string, object>> events, CancellationToken cancellationToken)
    {
        foreach (var batch in events.Chunk(Batch))
        {
            if (await PostAsync(batch, "application/cloudevents-batch+json", cancellationToken).ConfigureAwait(false) is null)
            {
                Sent += batch.Length;
                continue;
            }

            foreach (var one in batch)
            {
                if (await PostAsync(one, "application/cloudevents+json", cancellationToken).ConfigureAwait(false) is { } reason)
                {
                    RefusedCount++;
                    if (_refused.Count < 100)
                    {
                        _refused.Add($"{one["id"]} ({one["type"]}): {reason}");
                    }
                }
                else
                {
                    Sent++;
                }
            }
        }
    }

    /// <summary>Null when it was taken, else why it was refused.</summary>
    private async Task<string?> PostAsync(object body, string type, CancellationToken cancellationToken)
    {
        using var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body));
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        using var answer = await http.PostAsync(new Uri("/events", UriKind.Relative), content, cancellationToken).ConfigureAwait(false);
        if (answer.IsSuccessStatusCode)
        {
            return null;
        }

        var text = await answer.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        return answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.NotFound or HttpStatusCode.RequestEntityTooLarge
            ? text
            : throw new HttpRequestException($"{(int)answer.StatusCode}: {text}");
    }
}
