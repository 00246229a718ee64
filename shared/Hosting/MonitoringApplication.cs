using System.CommandLine;

namespace Monitoring.Hosting;

/// <summary>The command line of an executable of the product: verbs over a list of modules.</summary>
public static class MonitoringApplication
{
    /// <summary>Runs the command line and returns the exit code.</summary>
    /// <param name="args">Arguments.</param>
    /// <param name="modules">Modules of this executable.</param>
    /// <param name="verbs">Verbs beside <c>run</c> and <c>check</c>.</param>
    public static async Task<int> RunAsync(string[] args, IReadOnlyList<IServiceModule> modules, params IVerb[] verbs)
    {
        var root = new RootCommand("Event-driven monitoring and attack detection for machine-learning models.");
        foreach (var verb in (IVerb[])[new RunVerb(modules), new CheckVerb(modules), .. verbs])
        {
            root.Add(verb.CreateCommand());
        }

        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync(error.Message).ConfigureAwait(false);
            }

            await Console.Error.WriteLineAsync($"usage: monitoring <{string.Join(" | ", root.Subcommands.Select(c => c.Name).Order(StringComparer.Ordinal))}> …; monitoring <verb> --help").ConfigureAwait(false);
            return ExitCode.Usage;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }).ConfigureAwait(false);
    }
}
