using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Detection;
using Monitoring.Hosting;

namespace Monitoring.AllInOne.Docs;

/// <summary><c>docs</c>: writes the generated reference pages, or with <c>--check</c> says which are out of date.</summary>
internal sealed class DocsVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    public Command CreateCommand()
    {
        var output = new Option<string>("--output") { Description = "Folder of the pages.", DefaultValueFactory = _ => "docs/reference" };
        var check = new Option<bool>("--check") { Description = "Write nothing; fail when a page is not as it would be written." };
        var command = new Command("docs", "Write the reference pages that are generated from the code.") { output, check };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var stale = 0;
            foreach (var (name, text) in await GenerateAsync(cancellationToken).ConfigureAwait(false))
            {
                var file = Path.Combine(parsed.GetRequiredValue(output), name);
                if (File.Exists(file) && await File.ReadAllTextAsync(file, cancellationToken).ConfigureAwait(false) == text)
                {
                    continue;
                }

                stale++;
                if (parsed.GetValue(check))
                {
                    await Console.Error.WriteLineAsync($"{file} is out of date; run the docs verb and commit it").ConfigureAwait(false);
                    continue;
                }

                Directory.CreateDirectory(parsed.GetRequiredValue(output));
                await File.WriteAllTextAsync(file, text, cancellationToken).ConfigureAwait(false);
                Console.WriteLine(file);
            }

            return parsed.GetValue(check) && stale > 0 ? ExitCode.Failure : ExitCode.Success;
        });
        return command;
    }

    private async Task<List<(string Name, string Text)>> GenerateAsync(CancellationToken cancellationToken)
    {
        using var metrics = new MetricReference();
        var folder = Directory.CreateTempSubdirectory("monitoring-docs-");
        try
        {
            // Not awaited at its end: what was never started is put away at once.
            var app = DescribedHost.Build(folder.FullName, modules);
            using var disposal = (IDisposable)app;
            var services = app.Services;
            _ = services.GetServices<Microsoft.Extensions.Hosting.IHostedService>().ToList();
            return
            [
                ("configuration.md", ConfigurationReference.Generate()),
                ("monitors.md", MonitorReference.Generate(services.GetRequiredService<MonitorKinds>())),
                ("metrics.md", metrics.Generate()),
                ("openapi.json", await ApiDescription.WriteAsync(app, cancellationToken).ConfigureAwait(false)),
            ];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
