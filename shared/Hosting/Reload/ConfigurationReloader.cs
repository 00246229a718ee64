using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>
/// Puts a changed <c>monitoring.yaml</c> to use without a restart: when the file has changed and lain still for a second, on SIGHUP, and
/// on <c>POST /api/reload</c>. All that can fail is done first, for every part of the process; then all switch. A configuration that is wrong,
/// or that one part cannot use, changes nothing and says why. What takes effect only at the next start is named.
/// </summary>
public sealed partial class ConfigurationReloader : BackgroundService
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);
    private readonly CurrentConfiguration _current;
    private readonly Func<LoadedConfiguration> _load;
    private readonly IServiceProvider _services;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly SemaphoreSlim _asked = new(0);
    private readonly bool _isWatched;
    private long _applied;
    private long _refused;
    private int _isGood = 1;

    /// <param name="current">Holds what is in use.</param>
    /// <param name="load">Reads and checks the file.</param>
    /// <param name="services">Where the parts are found, when first needed.</param>
    /// <param name="time">Clock of the watch.</param>
    /// <param name="logger">Told of every reload.</param>
    public ConfigurationReloader(CurrentConfiguration current, Func<LoadedConfiguration> load, IServiceProvider services, TimeProvider time, ILogger<ConfigurationReloader> logger)
    {
        _current = current;
        _load = load;
        _services = services;
        _time = time;
        _logger = logger;

        // Configurations made in memory (the demo, tests) have no file to watch.
        _isWatched = File.Exists(current.Value.File);
        var meter = services.GetRequiredService<IMeterFactory>().Create("Monitoring.Hosting");
        meter.CreateObservableCounter(
            "monitoring_hosting_reloads_total",
            () => new[]
            {
                new Measurement<long>(Volatile.Read(ref _applied), new KeyValuePair<string, object?>("outcome", "applied")),
                new Measurement<long>(Volatile.Read(ref _refused), new KeyValuePair<string, object?>("outcome", "refused")),
            },
            description: "Reloads of the configuration");
        meter.CreateObservableGauge("monitoring_hosting_configuration_good", () => Volatile.Read(ref _isGood), description: "1 while the file is what is in use, 0 after a reload that was refused");
    }

    /// <summary>Reads the file and switches to it, or says why not.</summary>
    public async Task<ReloadResult> ReloadAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var next = _load();
            var result = next.Errors.Count > 0 ? Refused([.. next.Errors.Select(e => e.ToString())]) : await SwitchAsync(next, cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _isGood, result.Errors.Count == 0 ? 1 : 0);
            if (result.Errors.Count > 0)
            {
                Interlocked.Increment(ref _refused);
                LogRefused(string.Join("; ", result.Errors));
            }
            else
            {
                Interlocked.Increment(ref _applied);
                LogApplied(next.Sha256, result.Applied.Count == 0 ? "nothing" : string.Join(", ", result.Applied));
                if (result.AtNextStart.Count > 0)
                {
                    LogAtNextStart(string.Join(", ", result.AtNextStart));
                }

                await RecordAsync(next, result, cancellationToken).ConfigureAwait(false);
            }

            return result;
        }
        finally
        {
            _gate.Release();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        if (!_isWatched)
        {
            return;
        }

        // A hang-up of a terminal still ends the process; that of a service manager is the wish to read the file again.
        using var signal = Console.IsInputRedirected && !OperatingSystem.IsWindows()
            ? PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                _asked.Release();
            })
            : null;
        try
        {
            await WatchAsync(stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The end.
        }
    }

    private static ReloadResult Refused(IReadOnlyList<string> errors) => new(errors, [], []);

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        var tried = Hash() ?? "";
        var seen = tried;
        while (true)
        {
            await Task.Delay(s_interval, _time, cancellationToken).ConfigureAwait(false);
            var isAsked = false;
            while (_asked.Wait(0, CancellationToken.None))
            {
                isAsked = true;
            }

            // Seen twice the same: nobody is in the middle of writing it.
            var now = Hash();
            var isChanged = now is not null && now == seen && now != tried;
            seen = now ?? seen;
            if (isAsked || isChanged)
            {
                tried = now ?? tried;
                await ReloadAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task<ReloadResult> SwitchAsync(LoadedConfiguration next, CancellationToken cancellationToken)
    {
        var targets = _services.GetServices<IReloadable>().ToList();
        var paths = targets.SelectMany(t => t.Keys).ToList();
        var keys = ConfigurationDifference.Between(_current.Value.Value, next.Value);
        var steps = new List<IReloadStep>();
        try
        {
            foreach (var target in targets)
            {
                steps.Add(await target.PrepareAsync(next, cancellationToken).ConfigureAwait(false));
            }
        }
        catch (Exception e)
        {
            steps.ForEach(s => s.Abandon());
            if (e is ReloadRefusedException)
            {
                return Refused([e.Message]);
            }

            throw;
        }

        steps.ForEach(s => s.Commit());
        _current.Value = next;
        return new ReloadResult([], [.. keys.Where(k => ConfigurationDifference.IsCovered(k, paths))], [.. keys.Where(k => !ConfigurationDifference.IsCovered(k, paths))]);
    }

    /// <summary>A switch is set beside every curve; where the log is away there is nothing to set it on.</summary>
    private async Task RecordAsync(LoadedConfiguration next, ReloadResult result, CancellationToken cancellationToken)
    {
        if (result.Applied.Count == 0 || !_services.GetRequiredService<LogTopics>().Ready.IsCompletedSuccessfully)
        {
            return;
        }

        var change = new Change
        {
            Id = $"configuration-{Guid.CreateVersion7(_time.GetUtcNow()):N}",
            TimeUnixNano = (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100,
            Kind = "configuration",
            Summary = $"reloaded: {string.Join(", ", result.Applied)} (SHA-256 {next.Sha256[..12]})",
            Author = "monitoring",
        };
        try
        {
            await _services.GetRequiredService<IEventLog>().AppendAsync(
                Topics.Changes,
                new LogRecord(
                    ReadOnlyMemory<byte>.Empty,
                    change.ToByteArray(),
                    [
                        new LogHeader(Headers.SpecVersion, "1.0"u8.ToArray()),
                        new LogHeader(Headers.Id, Encoding.UTF8.GetBytes(change.Id)),
                        new LogHeader(Headers.Source, "monitoring/configuration"u8.ToArray()),
                        new LogHeader(Headers.Type, Encoding.UTF8.GetBytes(EventTypes.Change)),
                        new LogHeader(Headers.ContentType, "application/protobuf"u8.ToArray()),
                    ]),
                cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is EventLogException or IOException or TimeoutException)
        {
            LogNotRecorded(e.Message);
        }
    }

    private string? Hash()
    {
        try
        {
            return Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(_current.Value.File)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Being replaced: look again.
            return null;
        }
    }

    [LoggerMessage(EventId = 1201, Level = LogLevel.Information, Message = "configuration {Sha256} is in use; took effect: {Keys}")]
    private partial void LogApplied(string sha256, string keys);

    [LoggerMessage(EventId = 1202, Level = LogLevel.Error, Message = "the changed configuration is refused, the old one goes on: {Errors}")]
    private partial void LogRefused(string errors);

    [LoggerMessage(EventId = 1203, Level = LogLevel.Warning, Message = "these changes of the configuration take effect at the next start: {Keys}")]
    private partial void LogAtNextStart(string keys);

    [LoggerMessage(EventId = 1204, Level = LogLevel.Warning, Message = "the switch of the configuration could not be recorded in monitoring.changes: {Reason}")]
    private partial void LogNotRecorded(string reason);
}
