using System.CommandLine;
using Monitoring.Alerting.Delivery;
using Monitoring.Alerting.Receivers;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting;

/// <summary><c>alert test RECEIVER</c>: one test message to a receiver of the configuration; says what came back.</summary>
public sealed class AlertVerb : IVerb
{
    public Command CreateCommand()
    {
        var receiver = new Argument<string>("receiver") { Description = "Name of the receiver." };
        var config = VerbOptions.Config();
        var json = VerbOptions.Json();
        var test = new Command("test", "Send one test message to a receiver.") { receiver, config, json };
        test.SetAction(async (parsed, cancellationToken) =>
        {
            var loaded = LoadedConfiguration.Load(parsed.GetRequiredValue(config), ConfigurationValidators.BuiltIn);
            foreach (var error in loaded.Errors)
            {
                await Console.Error.WriteLineAsync($"error: {error}").ConfigureAwait(false);
            }

            if (loaded.Errors.Count > 0)
            {
                return ExitCode.Usage;
            }

            var name = parsed.GetRequiredValue(receiver);
            var result = await new ReceiverTest(new AlertingSettings(loaded.Value, "command-line"), TimeProvider.System).SendAsync(name, cancellationToken).ConfigureAwait(false);
            if (result is null)
            {
                await Console.Error.WriteLineAsync($"no receiver '{name}'; there are: {string.Join(", ", loaded.Value.Receivers.Select(r => r.Name))}").ConfigureAwait(false);
                return ExitCode.Usage;
            }

            var delivered = result.Outcome == DeliveryOutcome.Delivered;
            Console.WriteLine(delivered ? $"{name}: delivered" : $"{name}: not delivered: {result.Detail}");
            await VerbOptions.WriteJsonAsync(parsed.GetValue(json), new { receiver = name, delivered, detail = result.Detail }, cancellationToken).ConfigureAwait(false);
            return delivered ? ExitCode.Success : ExitCode.Failure;
        });
        return new Command("alert", "Receivers of alerts.") { test };
    }
}
