using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Monitoring.TestKit.Kafka;

/// <summary>
/// A single Kafka broker over TCP on loopback, written for these tests from the public protocol specification: our own reading of it, and no proof of what Apache Kafka does. It is here because
/// librdkafka's mock cluster cannot create topics, find offsets by time, or share a group of the classic protocol; and it refuses what a real one refuses: sums that do not add up, sequence numbers with
/// a gap, settings that do not exist, commits of another generation, offsets that are gone. It looks at one request of a connection at a time, as a real one does, so that a commit waits behind a join.
/// It keeps everything in memory, takes uncompressed batches only, and knows neither TLS, transactions nor the newer group protocol (the mock cluster knows that one).
/// <para>It can be told to fail: <see cref="Fail"/>, <see cref="LoseAnswers"/>, <see cref="Slow"/>, <see cref="SetAway"/>, <see cref="RestartAsync"/>.</para>
/// </summary>
public sealed class KafkaBroker : IAsyncDisposable
{
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(20);
    private readonly KafkaBrokerOptions _options;
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly long _began = TimeProvider.System.GetTimestamp();
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<KafkaApi, Queue<KafkaError>> _failures = [];
    private readonly Dictionary<KafkaApi, int> _lost = [];
    private readonly Dictionary<KafkaApi, Queue<TimeSpan>> _slow = [];
    private readonly ConcurrentDictionary<TcpClient, Task> _connections = new();
    private readonly BrokerRequests _requests;
    private readonly Task _ticking;
    private readonly int _port;
    private TcpListener? _listener;
    private Task _accepting = Task.CompletedTask;

    public KafkaBroker(KafkaBrokerOptions? options = null)
    {
        _options = options ?? new KafkaBrokerOptions();
        _listener = new TcpListener(IPAddress.Loopback, 0);
        _listener.Start();
        _port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _requests = new BrokerRequests(_options, _port, () => _time.GetElapsedTime(_began), _gate, Injected);
        _accepting = AcceptAsync(_listener);
        _ticking = TickAsync();
    }

    public string BootstrapServers => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_port}");

    /// <summary>Topics that exist now.</summary>
    public IReadOnlyList<string> Topics => _requests.TopicNames();

    /// <summary>Groups that are known, with the members that are in them.</summary>
    public IReadOnlyDictionary<string, int> Groups => _requests.GroupSizes();

    /// <summary>The next <paramref name="times"/> requests of a kind are answered with an error and do nothing.</summary>
    public void Fail(KafkaApi api, KafkaError error, int times = 1)
    {
        lock (_gate)
        {
            var queue = _failures.TryGetValue(api, out var known) ? known : _failures[api] = new Queue<KafkaError>();
            for (var i = 0; i < times; i++)
            {
                queue.Enqueue(error);
            }
        }
    }

    /// <summary>The next <paramref name="times"/> requests of a kind are done, and the connection breaks before the answer.</summary>
    public void LoseAnswers(KafkaApi api, int times = 1)
    {
        lock (_gate)
        {
            _lost[api] = _lost.GetValueOrDefault(api) + times;
        }
    }

    /// <summary>The next request of a kind is looked at after a while only.</summary>
    public void Slow(KafkaApi api, TimeSpan delay)
    {
        lock (_gate)
        {
            (_slow.TryGetValue(api, out var queue) ? queue : _slow[api] = new Queue<TimeSpan>()).Enqueue(delay);
        }
    }

    /// <summary>Whether errors, lost answers or delays are left that no request has met yet.</summary>
    public bool HasFailuresLeft
    {
        get
        {
            lock (_gate)
            {
                return _failures.Values.Any(q => q.Count > 0) || _lost.Values.Any(n => n > 0) || _slow.Values.Any(q => q.Count > 0);
            }
        }
    }

    /// <summary>Nobody can connect and all connections break; or it is there again, with all that it had.</summary>
    public async Task SetAway(bool away)
    {
        if (away)
        {
            _listener?.Dispose();
            _listener = null;
            await _accepting.ConfigureAwait(false);
            await CloseConnectionsAsync().ConfigureAwait(false);
            return;
        }

        _listener ??= await ListenAsync().ConfigureAwait(false);
        _accepting = AcceptAsync(_listener);
    }

    /// <summary>Away and back; the coordinator loads its groups again.</summary>
    public async Task RestartAsync()
    {
        await SetAway(true).ConfigureAwait(false);
        _requests.Reload();
        await SetAway(false).ConfigureAwait(false);
    }

    /// <summary>What the log cleaner does when it comes by.</summary>
    public void Compact(string topic) => _requests.Compact(topic);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await SetAway(true).ConfigureAwait(false);
        await _ticking.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task<TcpListener> ListenAsync()
    {
        while (true)
        {
            var listener = new TcpListener(IPAddress.Loopback, _port) { ExclusiveAddressUse = false };
            listener.Server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            try
            {
                listener.Start();
                return listener;
            }
            catch (SocketException) when (!_stop.IsCancellationRequested)
            {
                // The port is still settling.
                listener.Dispose();
                await Task.Delay(s_tick, _time).ConfigureAwait(false);
            }
        }
    }

    private async Task CloseConnectionsAsync()
    {
        foreach (var (client, serving) in _connections)
        {
            client.Dispose();
            await serving.ConfigureAwait(false);
        }
    }

    private async Task AcceptAsync(TcpListener listener)
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await listener.AcceptTcpClientAsync().ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }

            client.NoDelay = true;
            var begin = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _connections[client] = ServeAsync(client, begin.Task);
            begin.SetResult();
        }
    }

    private async Task ServeAsync(TcpClient client, Task begin)
    {
        await begin.ConfigureAwait(false);
        using var closed = new CancellationTokenSource();
        try
        {
            var stream = client.GetStream();
            var prefix = new byte[4];
            while (true)
            {
                await stream.ReadExactlyAsync(prefix).ConfigureAwait(false);
                var length = BinaryPrimitives.ReadInt32BigEndian(prefix);
                if (length < 8 || length > _options.MaxRequestBytes)
                {
                    return;
                }

                var bytes = new byte[length];
                await stream.ReadExactlyAsync(bytes).ConfigureAwait(false);
                var api = (KafkaApi)BinaryPrimitives.ReadInt16BigEndian(bytes);
                if (Delay(api) is { } delay)
                {
                    await Task.Delay(delay, _time, _stop.Token).ConfigureAwait(false);
                }

                var answer = await _requests.AnswerAsync(bytes, _stop.Token).ConfigureAwait(false);
                if (LosesAnswer(api))
                {
                    return;
                }

                if (answer is { } written)
                {
                    BinaryPrimitives.WriteInt32BigEndian(prefix, written.Length);
                    await stream.WriteAsync(prefix).ConfigureAwait(false);
                    await stream.WriteAsync(written).ConfigureAwait(false);
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or InvalidOperationException or OperationCanceledException or InvalidDataException)
        {
            // The other side is gone, this one is, or what came was no request: a broker closes the connection.
        }
        finally
        {
            client.Dispose();
            _connections.TryRemove(client, out _);
        }
    }

    private async Task TickAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(s_tick, _time, _stop.Token).ConfigureAwait(false);
                _requests.Tick();
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    /// <summary>The error that a request of this kind is to meet. Under the lock.</summary>
    private KafkaError Injected(KafkaApi api) => _failures.TryGetValue(api, out var queue) && queue.TryDequeue(out var error) ? error : KafkaError.None;

    private bool LosesAnswer(KafkaApi api)
    {
        lock (_gate)
        {
            return _lost.GetValueOrDefault(api) > 0 && _lost[api]-- > 0;
        }
    }

    private TimeSpan? Delay(KafkaApi api)
    {
        lock (_gate)
        {
            return _slow.TryGetValue(api, out var queue) && queue.TryDequeue(out var delay) ? delay : null;
        }
    }
}
