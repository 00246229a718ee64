using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting.Configuration;
using Monitoring.Observability;
using Monitoring.Scoring;

namespace Monitoring.Hosting;

/// <summary>
/// Puts modules, log and HTTP together: the only place that reads which form the product runs in. Embedded in tests and in the demo
/// as it is in production.
/// </summary>
public static class MonitoringHost
{
    /// <summary>Builds the host; the caller starts and disposes it.</summary>
    /// <param name="configuration">Checked configuration without errors.</param>
    /// <param name="modules">Modules to run.</param>
    /// <param name="customize">Last word on the services, for tests and the demo (a clock, a log).</param>
    /// <param name="installation">All modules of the installation, of which <paramref name="modules"/> run here; null where those are all. The kinds of the others are known here too.</param>
    /// <param name="serves">False for a host that is never started: without endpoints nothing opens what a running installation holds, such as its spool.</param>
    public static WebApplication Build(LoadedConfiguration configuration, IReadOnlyList<IServiceModule> modules, Action<IServiceCollection>? customize = null, IReadOnlyList<IServiceModule>? installation = null, bool serves = true)
    {
        if (configuration.Errors.Count > 0)
        {
            throw new ArgumentException($"the configuration has errors: {configuration.Errors[0]}", nameof(configuration));
        }

        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [], ContentRootPath = AppContext.BaseDirectory });
        Directory.CreateDirectory(configuration.DataDirectory);
        ConfigureLogging(builder.Logging);
        ConfigureHttp(builder, configuration);

        // Beside the data they protect, not in the home folder of whoever runs this.
        builder.Services.AddDataProtection().PersistKeysToFileSystem(Directory.CreateDirectory(Path.Combine(configuration.DataDirectory, "keys")));
        AddServices(builder.Services, configuration, modules, installation ?? modules);
        customize?.Invoke(builder.Services);

        var app = builder.Build();
        if (!serves)
        {
            return app;
        }

        app.UseErrorAnswers();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapHealth();
        app.MapMetrics().AllowAnonymous().WithSummary("All metrics, in Prometheus text format or OpenMetrics.").WithTags("operation");
        app.MapReload();
        app.MapApiDescription();
        foreach (var module in modules)
        {
            module.MapEndpoints(app);
        }

        return app;
    }

    /// <summary>Everything but HTTP and the log for people; registers only, makes nothing.</summary>
    internal static void AddServices(IServiceCollection services, LoadedConfiguration configuration, IReadOnlyList<IServiceModule> modules, IReadOnlyList<IServiceModule> installation)
    {
        var value = configuration.Value;
        services.AddSingleton(configuration);
        services.AddSingleton(new CurrentConfiguration(configuration));
        services.AddSingleton(provider => new ConfigurationReloader(
            provider.GetRequiredService<CurrentConfiguration>(),
            () => CheckVerb.Load(configuration.File, installation),
            provider,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<ConfigurationReloader>>()));
        services.AddHostedService(provider => provider.GetRequiredService<ConfigurationReloader>());
        services.AddSingleton<IReloadable, ReloadableKeys>();
        services.AddSingleton(TimeProvider.System);
        services.AddMonitoringTelemetry(value.Telemetry.Otlp);
        services.AddMonitoringSecurity(value);
        services.AddApiDescription();
        services.AddErrorAnswers();

        services.AddSingleton<IEventLog>(provider => EventLogFactory.Create(configuration, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton<LogTopics>();
        services.AddHostedService(provider => provider.GetRequiredService<LogTopics>());
        services.AddMonitoringScoring(new ScoringOptions
        {
            Device = value.Scoring.Device,
            Threads = value.Scoring.Threads,
            UnloadAfter = value.Scoring.UnloadAfter,
            CudaProviderFolder = value.Scoring.CudaProvider is { } folder ? configuration.Resolve(folder) : null,
        });
        services.AddSingleton<DetectionMetrics>();
        services.AddSingleton(_ => ClientSealer.Open(configuration));
        services.AddSingleton(_ => IncidentLinks.Open(configuration));
        services.AddSingleton(new ArtifactStore(Path.Combine(configuration.DataDirectory, "artifacts")));
        services.AddSingleton<MonitorKinds>();
        services.AddSingleton<ModelCatalog>();
        services.AddSingleton<MonitorPlanner>();
        services.AddSingleton<ProfileStores>();
        services.AddSingleton<ReferenceFitter>();
        services.AddSingleton<MonitorPlanning>();
        services.AddSingleton<CurrentPlanning>();
        services.AddSingleton<IReloadable, ReloadableMonitors>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IReadinessCheck, LogReadiness>());
        services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(30));
        foreach (var module in modules)
        {
            module.ConfigureServices(services);
        }

        AddKindsOf(services, installation.Except(modules));
    }

    /// <summary>
    /// Makes kinds known whose services run elsewhere: a receiver's budget is split over all monitors of the installation, so every process must know of all.
    /// </summary>
    private static void AddKindsOf(IServiceCollection services, IEnumerable<IServiceModule> elsewhere)
    {
        foreach (var module in elsewhere)
        {
            var registered = new ServiceCollection();
            module.ConfigureServices(registered);
            if (!registered.Any(d => d.ServiceType == typeof(IMonitorKind)))
            {
                continue;
            }

            foreach (var service in registered)
            {
                if (service.ServiceType == typeof(IMonitorKind))
                {
                    services.Add(service);
                }
                else if (!service.IsKeyedService && service.ServiceType != typeof(IHostedService) && service.ServiceType != typeof(IReadinessCheck) && service.ServiceType != typeof(MonitorGroupService))
                {
                    // What kinds ask for; nothing of it runs by itself.
                    services.TryAdd(service);
                }
            }
        }
    }

    private static void ConfigureLogging(ILoggingBuilder logging)
    {
        logging.ClearProviders();
        logging.AddSimpleConsole(o =>
        {
            o.SingleLine = true;
            o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            o.UseUtcTimestamp = true;
            o.ColorBehavior = LoggerColorBehavior.Disabled;
        });
        logging.Services.Configure<ConsoleLoggerOptions>(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Warning);
        logging.AddFilter("System.Net.Http", LogLevel.Warning);
        logging.AddFilter("MassTransit", LogLevel.Warning);
        logging.AddFilter("Polly", LogLevel.Error);
        logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error);
    }

    private static void ConfigureHttp(WebApplicationBuilder builder, LoadedConfiguration configuration)
    {
        var api = configuration.Value.Api;
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.UseUrls([.. api.Listen]);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = configuration.Value.Capture.MaxRequestBytes.Bytes;
            if (api is { Certificate: { } certificate, CertificateKey: { } key })
            {
                kestrel.ConfigureHttpsDefaults(https => https.ServerCertificate =
                    System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPemFile(configuration.Resolve(certificate), configuration.Resolve(key)));
            }
        });
    }
}
