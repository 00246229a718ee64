using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Monitoring.AllInOne.Demo;

/// <summary>
/// The other end of the webhooks: a server of its own that checks every signature (Standard Webhooks 1.0.0) and counts ids that come twice,
/// as a careful receiver would.
/// </summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly byte[] _key;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<string, Delivery> _deliveries = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _repeated = new();
    private int _rejected;

    private WebhookReceiver(WebApplication app, byte[] key, TimeProvider time)
    {
        _app = app;
        _key = key;
        _time = time;
    }

    /// <summary>Accepted messages in the order of their arrival.</summary>
    public IReadOnlyList<Delivery> Deliveries => [.. _deliveries.Values.OrderBy(d => d.ReceivedUnixNano)];

    /// <summary>Messages whose id had been accepted before.</summary>
    public int Duplicates => _repeated.Count;

    /// <summary>Their ids.</summary>
    public IReadOnlyCollection<string> Repeated => _repeated;

    /// <summary>Messages whose signature was wrong.</summary>
    public int Rejected => _rejected;

    public Uri Url { get; private set; } = null!;

    /// <summary>Starts on a free loopback port.</summary>
    /// <param name="secret"><c>whsec_</c> and base64.</param>
    /// <param name="time">Clock of the arrival times.</param>
    public static async Task<WebhookReceiver> StartAsync(string secret, TimeProvider time)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var receiver = new WebhookReceiver(builder.Build(), Convert.FromBase64String(secret["whsec_".Length..]), time);
        receiver._app.MapPost("/hook", receiver.ReceiveAsync);
        await receiver._app.StartAsync().ConfigureAwait(false);
        receiver.Url = new Uri(new Uri(receiver._app.Urls.First()), "/hook");
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task<IResult> ReceiveAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, request.HttpContext.RequestAborted).ConfigureAwait(false);
        var id = request.Headers["webhook-id"].ToString();
        var signed = Encoding.UTF8.GetBytes($"{id}.{request.Headers["webhook-timestamp"]}.").Concat(body.ToArray()).ToArray();
        var expected = "v1," + Convert.ToBase64String(HMACSHA256.HashData(_key, signed));
        if (!request.Headers["webhook-signature"].ToString().Split(' ').Any(s => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(s), Encoding.UTF8.GetBytes(expected))))
        {
            Interlocked.Increment(ref _rejected);
            return Results.Unauthorized();
        }

        var now = _time.GetUtcNow();
        var nano = (now.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * 100;
        if (!_deliveries.TryAdd(id, new Delivery(id, nano, JsonDocument.Parse(body.ToArray()).RootElement.Clone())))
        {
            _repeated.Enqueue(id);
        }

        return Results.NoContent();
    }

    /// <summary>An accepted message.</summary>
    public sealed record Delivery(string Id, long ReceivedUnixNano, JsonElement Body);
}
