using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary><c>check</c>: reads a configuration, says everything that is wrong or doubtful, and starts nothing.</summary>
public sealed class CheckVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    public Command CreateCommand()
    {
        var config = new Option<string>("--config") { Description = "Configuration file.", DefaultValueFactory = _ => "monitoring.yaml" };
        var json = VerbOptions.Json();
        var command = new Command("check", "Check a configuration: every error at once, with line and allowed values.") { config, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var loaded = Load(parsed.GetRequiredValue(config), modules);
            foreach (var warning in loaded.Warnings)
            {
                await Console.Error.WriteLineAsync($"warning: {warning}").ConfigureAwait(false);
            }

            foreach (var error in loaded.Errors)
            {
                await Console.Error.WriteLineAsync($"error: {error}").ConfigureAwait(false);
            }

            Console.WriteLine(loaded.Errors.Count == 0
                ? $"{loaded.File}: ok, {loaded.Value.Models.Count} models, {loaded.Value.Receivers.Count} receivers, {loaded.Warnings.Count} warnings"
                : $"{loaded.File}: {loaded.Errors.Count} errors, {loaded.Warnings.Count} warnings");
            await VerbOptions.WriteJsonAsync(parsed.GetValue(json), new { file = loaded.File, sha256 = loaded.Sha256, errors = loaded.Errors, warnings = loaded.Warnings }, cancellationToken).ConfigureAwait(false);
            return loaded.Errors.Count == 0 ? ExitCode.Success : ExitCode.Usage;
        });
        return command;
    }

    /// <summary>Reads a file and checks it with all that these modules know.</summary>
    public static LoadedConfiguration Load(string file, IReadOnlyList<IServiceModule> modules)
    {
        // Only kinds are made for a check, and what they ask for; nothing is started.
        var services = new ServiceCollection();
        services.AddLogging();
        var first = LoadedConfiguration.Load(file, []);
        MonitoringHost.AddServices(services, first with { Value = first.Value with { Scoring = new ScoringConfiguration { Device = "cpu" } } }, modules, modules);
        using var provider = services.BuildServiceProvider();
        return LoadedConfiguration.Load(file, [.. ConfigurationValidators.BuiltIn, new MonitorKindValidator(provider.GetRequiredService<MonitorKinds>())]);
    }
}
