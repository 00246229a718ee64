using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;

namespace Monitoring.AllInOne.Demo;

/// <summary>
/// Several clients that call the models over HTTP, each at its own pace, in the Open Inference Protocol's binary form. Every client draws
/// from its own seeded generator; the wall clock decides only when.
/// </summary>
internal sealed class DemoClients : IDisposable
{
    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly int _seed;
    private readonly ConcurrentDictionary<string, long> _served = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _failed = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _changedAt = new(StringComparer.Ordinal);
    private volatile bool _changed;

    public DemoClients(Uri server, TimeProvider time, int seed)
    {
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { BaseAddress = server, Timeout = TimeSpan.FromSeconds(30) };
        _time = time;
        _seed = seed;
    }

    /// <summary>Calls answered with 200.</summary>
    public long Served => _served.Values.Sum();

    /// <summary>Calls answered otherwise, or not at all.</summary>
    public long Failed => _failed.Values.Sum();

    /// <summary>Set at the random moment: from now on clients draw from the changed population.</summary>
    public void ApplyChange()
    {
        foreach (var (model, served) in _served)
        {
            _changedAt[model] = served;
        }

        _changed = true;
    }

    public long ServedBy(string model) => _served.GetValueOrDefault(model);

    /// <summary>Calls of the model served before the change; null before it.</summary>
    public long? ServedBeforeChange(string model) => _changedAt.TryGetValue(model, out var count) ? count : null;

    /// <summary>Runs the clients of a stream until cancelled.</summary>
    /// <param name="stream">What they ask.</param>
    /// <param name="clients">How many.</param>
    /// <param name="callsPerSecond">Of all together.</param>
    /// <param name="cancellationToken">Ends them; a call in flight is finished.</param>
    public Task RunAsync(DemoStream stream, int clients, double callsPerSecond, CancellationToken cancellationToken)
    {
        _served[stream.Model] = 0;
        return Task.WhenAll(Enumerable.Range(0, clients).Select(i => RunClientAsync(stream, i, callsPerSecond / clients, cancellationToken)));
    }

    /// <summary>Counts a call that another caller than these clients made.</summary>
    public void Count(string model, bool served) => (served ? _served : _failed).AddOrUpdate(model, 1, (_, n) => n + 1);

    public void Dispose() => _http.Dispose();

    private async Task RunClientAsync(DemoStream stream, int index, double callsPerSecond, CancellationToken cancellationToken)
    {
        // A seed per client: no client's draws depend on how fast another one was answered.
        var random = new Random(unchecked((_seed * 1_000_003) + (index * 8_191) + stream.Model.Sum(c => c * 31)));
        var name = string.Create(CultureInfo.InvariantCulture, $"{stream.Model}-client-{index:00}");
        var start = _time.GetTimestamp();
        for (var call = 0; !cancellationToken.IsCancellationRequested; call++)
        {
            var due = TimeSpan.FromSeconds((call + random.NextDouble()) / callsPerSecond);
            var wait = due - _time.GetElapsedTime(start);
            if (wait > TimeSpan.Zero)
            {
                try
                {
                    await Task.Delay(wait, _time, cancellationToken).ConfigureAwait(false);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }

            var row = _changed ? stream.Changed(random) : stream.Clean(random);
            var ok = await CallAsync(stream, name, row).ConfigureAwait(false);
            Count(stream.Model, ok);
        }
    }

    private async Task<bool> CallAsync(DemoStream stream, string client, float[] row)
    {
        var shape = string.Join(',', stream.RowShape);
        var header = Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $$$"""{"inputs":[{"name":"{{{stream.InputName}}}","datatype":"FP32","shape":[1,{{{shape}}}],"parameters":{"binary_data_size":{{{row.Length * 4}}}}}]}"""));
        var body = new byte[header.Length + (row.Length * 4)];
        header.CopyTo(body, 0);
        MemoryMarshal.AsBytes(row.AsSpan()).CopyTo(body.AsSpan(header.Length));
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v2/models/{stream.Model}/infer") { Content = new ByteArrayContent(body) };
        request.Headers.Add("X-Client", client);
        request.Headers.Add("Inference-Header-Content-Length", header.Length.ToString(CultureInfo.InvariantCulture));
        request.Content.Headers.ContentType = new("application/octet-stream");
        try
        {
            using var response = await _http.SendAsync(request).ConfigureAwait(false);
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException e)
        {
            Trace.WriteLine(e.Message);
            return false;
        }
    }
}
