using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.AllInOne.Demo;

/// <summary>
/// <c>demo</c>: the whole product on two real models. Several clients call them over HTTP; at a random moment what they send changes; every part is
/// the one that <c>run</c> uses, configured by a file that the demo writes.
/// </summary>
internal sealed class DemoVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    public Command CreateCommand()
    {
        var duration = new Option<string>("--duration") { Description = "How long clients call, as 60s.", DefaultValueFactory = _ => "60s" };
        var exit = new Option<bool>("--exit") { Description = "Stop afterwards; the exit code says whether everything held." };
        var seed = new Option<int?>("--seed") { Description = "Seed of traffic and of the moment of change; drawn when absent." };
        var rate = new Option<double>("--rate") { Description = "Calls per second and model.", DefaultValueFactory = _ => 120 };
        var data = new Option<string?>("--data") { Description = "Folder to keep everything in; a temporary one when absent." };
        var json = VerbOptions.Json();
        var command = new Command("demo", "Serve two real models, change their traffic at a random moment, attack one of them, and watch it being found, explained, replayed and proved.") { duration, exit, seed, rate, data, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (!Duration.TryParse(parsed.GetRequiredValue(duration), out var length) || length < TimeSpan.FromSeconds(10))
            {
                await Console.Error.WriteLineAsync("--duration: a duration of at least 10s, as 60s or 5m").ConfigureAwait(false);
                return ExitCode.Usage;
            }

            var folder = Path.GetFullPath(parsed.GetValue(data) ?? Path.Combine(Path.GetTempPath(), $"monitoring-demo-{Guid.NewGuid():N}"));
            // What a person will look at stays: beside the report, or in the folder that is kept.
            var results = parsed.GetValue(data) is null && parsed.GetValue(json) is { } report ? Path.GetDirectoryName(Path.GetFullPath(report))! : folder;
            var run = new DemoRun(modules, folder, results, parsed.GetValue(seed) ?? RandomNumberGenerator.GetInt32(int.MaxValue), length, parsed.GetValue(rate));
            try
            {
                return await run.RunAsync(parsed.GetValue(exit), parsed.GetValue(json), cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                if (parsed.GetValue(data) is null && Directory.Exists(folder))
                {
                    Directory.Delete(folder, recursive: true);
                }
            }
        });
        return command;
    }
}
