using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using Monitoring.Hosting.Tables;

namespace Monitoring.EndToEnd.Tests.Kill;

/// <summary>
/// Callers who ask until they are answered: what a call was answered to must never be lost. Every attempt has a request id of its own; an attempt that
/// nobody answered is made again under another one.
/// </summary>
internal sealed class KillLoad(Func<Uri> server, IReadOnlyList<string> models, NpyFile rows, int seed, int total) : IDisposable
{
    private const int Callers = 4;
    private const int Clients = 400;
    private static readonly TimeSpan s_again = TimeSpan.FromMilliseconds(20);
    private readonly HttpClient _http = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(5) }) { Timeout = TimeSpan.FromSeconds(20) };
    private readonly ConcurrentQueue<string> _answered = new();
    private int _next;

    /// <summary>Request ids of the calls that were answered with 200.</summary>
    public IReadOnlyCollection<string> Answered => _answered;

    /// <summary>Answers that were neither 200 nor "not now": there must be none.</summary>
    public ConcurrentQueue<string> Refused { get; } = new();

    public Task RunAsync(CancellationToken cancellationToken) => Task.WhenAll(Enumerable.Range(0, Callers).Select(c => CallAsync(c, cancellationToken)));

    public void Dispose() => _http.Dispose();

    private async Task CallAsync(int caller, CancellationToken cancellationToken)
    {
        var random = new Random((seed * 100) + caller);
        while (Interlocked.Increment(ref _next) is var call && call <= total)
        {
            var model = models[call % models.Count];
            var row = rows.Row(random.Next(rows.Rows)).ToArray();
            if (call > total / 2)
            {
                // Other flights: later in the day and to places further away.
                row[0] = Math.Min(23.9f, row[0] + 6);
                row[2] = (row[2] * 2) + 300;
            }

            var client = string.Create(CultureInfo.InvariantCulture, $"client-{random.Next(Clients)}");
            for (var attempt = 0; !await TryAsync(model, client, $"{call}-{attempt}", row, cancellationToken); attempt++)
            {
                await Task.Delay(s_again, TimeProvider.System, cancellationToken);
            }
        }
    }

    private async Task<bool> TryAsync(string model, string client, string id, float[] row, CancellationToken cancellationToken)
    {
        var data = string.Join(',', row.Select(v => v.ToString("R", CultureInfo.InvariantCulture)));
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server(), $"/v2/models/{model}/infer"))
        {
            Content = new StringContent($$"""{"id":"{{id}}","inputs":[{"name":"features","shape":[1,5],"datatype":"FP32","data":[{{data}}]}]}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("X-Client", client);
        try
        {
            using var response = await _http.SendAsync(request, cancellationToken);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                _answered.Enqueue(id);
                return true;
            }

            if (response.StatusCode != HttpStatusCode.ServiceUnavailable)
            {
                Refused.Enqueue($"{response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
            }

            return false;
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }
}
