using System.CommandLine;
using System.Globalization;
using Monitoring.Hosting;

namespace Monitoring.Alerting;

/// <summary><c>erase --client NAME --reason TEXT</c>: a subject's request, by the HTTP API of a running installation.</summary>
public sealed class EraseVerb : IVerb
{
    // The database is written anew afterwards.
    private readonly InstallationCall _installation = new("admin", TimeSpan.FromMinutes(30));

    public Command CreateCommand()
    {
        var client = new Option<string>("--client") { Description = "The client's own name, or its sealed id.", Required = true };
        var reason = new Option<string>("--reason") { Description = "Why, for the audit; the client in it is replaced.", Required = true };
        var force = new Option<bool>("--force") { Description = "Also where an incident about the client is held." };
        var command = new Command("erase", "Erase a client from incidents, evidence, messages, notes and audit, and say what remains and until when.") { client, reason, force };
        _installation.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var request = new ErasureRequest(parsed.GetRequiredValue(client), parsed.GetRequiredValue(reason), parsed.GetValue(force));
            var (exit, done) = await _installation.CallAsync<ErasureView>(parsed, HttpMethod.Post, "/api/erasures", request, cancellationToken).ConfigureAwait(false);
            if (done is not null)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{done.Pseudonym}: {done.Incidents} incidents, {done.Findings} findings, {done.Messages} messages, {done.Notes} notes and {done.AuditRows} audit rows rewritten, {done.Events} pinned events removed"));
                foreach (var line in done.Remains)
                {
                    Console.WriteLine($"remains: {line}");
                }
            }

            return exit;
        });
        return command;
    }
}
