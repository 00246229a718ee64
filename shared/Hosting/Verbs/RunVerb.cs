using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;
using Monitoring.EventLog;

namespace Monitoring.Hosting;

/// <summary><c>run</c>: starts the configured installation, or some of its roles.</summary>
internal sealed class RunVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    public Command CreateCommand()
    {
        var config = VerbOptions.Config();
        var roles = new Option<string?>("--roles") { Description = $"Run these roles only, separated by commas: {string.Join(", ", modules.Select(m => m.Name))}." };
        var listen = new Option<string?>("--listen") { Description = "Address to listen on instead of the configured ones, for several processes with one file." };
        var command = new Command("run", "Run the services.") { config, roles, listen };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var chosen = modules;
            if (parsed.GetValue(roles) is { } names)
            {
                var wanted = names.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
                var unknown = wanted.Except(modules.Select(m => m.Name), StringComparer.Ordinal).ToList();
                if (unknown.Count > 0 || wanted.Length == 0)
                {
                    await Console.Error.WriteLineAsync($"--roles: unknown role '{string.Join(", ", unknown)}'; allowed: {string.Join(", ", modules.Select(m => m.Name))}").ConfigureAwait(false);
                    return ExitCode.Usage;
                }

                chosen = [.. modules.Where(m => wanted.Contains(m.Name, StringComparer.Ordinal))];
            }

            var loaded = CheckVerb.Load(parsed.GetRequiredValue(config), modules);
            foreach (var warning in loaded.Warnings)
            {
                await Console.Error.WriteLineAsync($"warning: {warning}").ConfigureAwait(false);
            }

            if (loaded.Errors.Count > 0)
            {
                foreach (var error in loaded.Errors)
                {
                    await Console.Error.WriteLineAsync($"error: {error}").ConfigureAwait(false);
                }

                return ExitCode.Usage;
            }

            if (parsed.GetValue(listen) is { } address)
            {
                loaded = loaded with { Value = loaded.Value with { Api = loaded.Value.Api with { Listen = [address] } } };
            }

            try
            {
                await using var app = MonitoringHost.Build(loaded, chosen, installation: modules);
                await app.StartAsync(cancellationToken).ConfigureAwait(false);
                foreach (var url in app.Urls)
                {
                    Console.WriteLine($"listening on {url}");
                }

                await app.WaitForShutdownAsync(cancellationToken).ConfigureAwait(false);
                return ExitCode.Success;
            }
            catch (LogLockedException e)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Failure;
            }
        });
        return command;
    }
}
