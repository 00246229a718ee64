using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.EventLog.Embedded;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;
using Monitoring.TestKit;

namespace Monitoring.Alerting.Tests;

/// <summary>The whole service on a real embedded log and a real SQLite file, as the host builds it.</summary>
internal sealed class AlertingHarness : IAsyncDisposable
{
    private readonly TemporaryDirectory? _owned;
    private WebApplication? _app;

    private AlertingHarness(TemporaryDirectory? owned, string path)
    {
        _owned = owned;
        Directory = path;
    }

    public string Directory { get; }

    public WebApplication App => _app ?? throw new InvalidOperationException("not started");

    public IEventLog Log => App.Services.GetRequiredService<IEventLog>();

    public MonitoringDatabase Database => App.Services.GetRequiredService<MonitoringDatabase>();

    public static async Task<AlertingHarness> StartAsync(string yaml, TimeProvider? time = null, string? directory = null, string api = "")
    {
        var owned = directory is null ? new TemporaryDirectory() : null;
        var harness = new AlertingHarness(owned, directory ?? owned!.Path);
        try
        {
            await harness.StartAsync(yaml, time ?? TimeProvider.System, api);
            return harness;
        }
        catch
        {
            await harness.DisposeAsync();
            throw;
        }
    }

    /// <summary>Puts another configuration in the place of the running one, as a changed file does.</summary>
    public async Task<ReloadResult> ReloadAsync(string yaml)
    {
        await File.WriteAllTextAsync(Path.Combine(Directory, "monitoring.yaml"), Text(yaml, ""));
        return await App.Services.GetRequiredService<ConfigurationReloader>().ReloadAsync(TestContext.Current.CancellationToken);
    }

    private static string Text(string yaml, string api) => $"""
        data: data
        api:
          listen: [ "http://127.0.0.1:0" ]
          {api}
        log:
          partitions: 2
        {yaml}
        """;

    public static LoadedConfiguration Configuration(string yaml, string directory, string api)
    {
        var loaded = LoadedConfiguration.Parse(Text(yaml, api), Path.Combine(directory, "monitoring.yaml"), []);
        Assert.Empty(loaded.Errors);
        return loaded;
    }

    public Task PublishAsync(params Finding[] findings) =>
        Log.AppendAsync(Topics.Findings, [.. findings.Select(Findings.Record)], TestContext.Current.CancellationToken).AsTask();

    public Task<List<Incident>> IncidentsAsync() =>
        Database.ReadAsync((c, t) => c.Incidents.OrderBy(i => i.OpenedUnixNano).ThenBy(i => i.Id).ToListAsync(t), TestContext.Current.CancellationToken);

    public Task<List<OutboxNotification>> NotificationsAsync() =>
        Database.ReadAsync((c, t) => c.Notifications.OrderBy(n => n.CreatedUnixNano).ThenBy(n => n.Sequence).ToListAsync(t), TestContext.Current.CancellationToken);

    public Task<long> FindingCountAsync() =>
        Database.ReadAsync((c, t) => c.Incidents.Where(i => !i.IsStorm).SumAsync(i => i.FindingCount, t), TestContext.Current.CancellationToken);

    /// <summary>Waits until the incidents hold this many findings in all.</summary>
    public Task ConsumedAsync(long findings) =>
        Eventually.TrueAsync(async () => await FindingCountAsync() >= findings, $"{findings} findings consumed");

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.StopAsync();
            var log = Log;
            var database = Database;
            await _app.DisposeAsync();
            await log.DisposeAsync();
            await database.DisposeAsync();
        }

        _owned?.Dispose();
    }

    [SuppressMessage("Reliability", "CA2000", Justification = "the host disposes the log")]
    private async Task StartAsync(string yaml, TimeProvider time, string api)
    {
        var loaded = Configuration(yaml, Directory, api);
        _app = MonitoringHost.Build(loaded, [new AlertingModule()], services =>
        {
            services.AddLogging(l => l.SetMinimumLevel(LogLevel.Error));
            services.AddSingleton(time);
            services.AddSingleton<IEventLog>(_ => EmbeddedEventLog.Open(
                new EmbeddedEventLogOptions { Directory = Path.Combine(loaded.DataDirectory, "log"), HandoverTimeout = TimeSpan.FromSeconds(2), TailBytes = 4 << 20 },
                TimeProvider.System,
                NullLoggerFactory.Instance));
        });
        await _app.StartAsync(TestContext.Current.CancellationToken);
        await _app.Services.GetRequiredService<LogTopics>().Ready;
    }
}
