using Microsoft.AspNetCore.Builder;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>The product's parts for a verb that works on files and the log: a host that is built and never started, so nothing listens and nothing consumes.</summary>
public static class OfflineHost
{
    /// <summary>Checks a configuration and builds its host; with errors, prints them and returns null.</summary>
    /// <param name="file">Configuration file.</param>
    /// <param name="modules">Modules whose kinds and services the verb may use.</param>
    public static async Task<WebApplication?> BuildAsync(string file, IReadOnlyList<IServiceModule> modules)
    {
        var loaded = CheckVerb.Load(file, modules);
        foreach (var error in loaded.Errors)
        {
            await Console.Error.WriteLineAsync($"error: {error}").ConfigureAwait(false);
        }

        return loaded.Errors.Count == 0 ? MonitoringHost.Build(loaded, modules, serves: false) : null;
    }

    /// <summary>The named model of a configuration, or the only one; null with a message when there is no such.</summary>
    public static async Task<ModelConfiguration?> FindModelAsync(LoadedConfiguration configuration, string? name)
    {
        var models = configuration.Value.Models;
        var model = name is null && models.Count == 1 ? models[0] : models.FirstOrDefault(m => m.Name == name);
        if (model is null)
        {
            await Console.Error.WriteLineAsync($"--model: {(name is null ? "is needed" : $"'{name}' is not configured")}; allowed: {string.Join(", ", models.Select(m => m.Name))}").ConfigureAwait(false);
        }

        return model;
    }
}
