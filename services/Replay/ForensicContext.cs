using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Replay;

/// <summary>What forensic verbs need: the configuration, the log opened for reading while a <c>run</c> may be writing it, and the models' schemas.</summary>
internal sealed class ForensicContext : IAsyncDisposable
{
    private ForensicContext(LoadedConfiguration configuration, IEventLog log, IReadOnlyDictionary<string, ModelSchema> schemas)
    {
        Configuration = configuration;
        Log = log;
        Schemas = schemas;
    }

    public LoadedConfiguration Configuration { get; }

    public IEventLog Log { get; }

    /// <summary>By model name; models without a schema file are absent.</summary>
    public IReadOnlyDictionary<string, ModelSchema> Schemas { get; }

    /// <summary>Reads the configuration and opens its log; null, with the reasons on the error stream, when it cannot.</summary>
    public static async Task<ForensicContext?> OpenAsync(string configurationFile, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var configuration = LoadedConfiguration.Load(configurationFile, ConfigurationValidators.BuiltIn);
        foreach (var error in configuration.Errors)
        {
            await Console.Error.WriteLineAsync($"error: {error}").ConfigureAwait(false);
        }

        if (configuration.Errors.Count > 0)
        {
            return null;
        }

        try
        {
            return new ForensicContext(configuration, EventLogFactory.Create(configuration, TimeProvider.System, NullLoggerFactory.Instance, readOnly: true), ReadSchemas(configuration));
        }
        catch (Exception e) when (e is EventLogException or InvalidDataException or IOException)
        {
            await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
            return null;
        }
    }

    /// <summary>Schemas by model name; models without a schema file are absent.</summary>
    public static Dictionary<string, ModelSchema> ReadSchemas(LoadedConfiguration configuration) =>
        configuration.Value.Models.Where(m => m.Schema is not null).ToDictionary(m => m.Name, m => SchemaFile.Read(configuration.Resolve(m.Schema!)), StringComparer.Ordinal);

    /// <summary>A time of an option in nanoseconds.</summary>
    public static long Time(string? text, long absent, string option) =>
        text is null ? absent
        : TimeText.TryParse(text, out var time) ? time
        : throw new UsageException($"{option}: '{text}' is no time; write for example 2026-11-22T21:00:00Z");

    /// <summary>Progress on the error stream, at most once a second, and only where a person sees it.</summary>
    public IProgress<T>? Progress<T>(Func<T, string> describe) => Console.IsErrorRedirected ? null : new ConsoleProgress<T>(describe);

    public ValueTask DisposeAsync() => Log.DisposeAsync();

    private sealed class ConsoleProgress<T>(Func<T, string> describe) : IProgress<T>
    {
        private long _last = TimeProvider.System.GetTimestamp();

        public void Report(T value)
        {
            var last = Interlocked.Read(ref _last);
            if (TimeProvider.System.GetElapsedTime(last) >= TimeSpan.FromSeconds(1) && Interlocked.CompareExchange(ref _last, TimeProvider.System.GetTimestamp(), last) == last)
            {
                Console.Error.WriteLine(describe(value));
            }
        }
    }
}
