using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary><c>fit</c>: a model's profiles from clean reference data, with what they can and cannot show.</summary>
public sealed class FitVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    public Command CreateCommand()
    {
        var config = VerbOptions.Config();
        var model = new Option<string?>("--model") { Description = "Model; may be left out when there is only one." };
        var reference = new Option<string?>("--reference") { Description = "Clean data (.npy, .csv, .jsonl) of the very population that the model sees, held out from its training; the configured file when absent." };
        var json = VerbOptions.Json();
        var command = new Command("fit", "Fit and approve a model's profiles from clean reference data; a running installation takes them at its next checkpoint.") { config, model, reference, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var host = await OfflineHost.BuildAsync(parsed.GetRequiredValue(config), modules).ConfigureAwait(false);
            if (host is null)
            {
                return ExitCode.Usage;
            }

            var loaded = host.Services.GetRequiredService<LoadedConfiguration>();
            var chosen = await OfflineHost.FindModelAsync(loaded, parsed.GetValue(model)).ConfigureAwait(false);
            if (chosen is null)
            {
                return ExitCode.Usage;
            }

            var file = parsed.GetValue(reference) is { } given ? Path.GetFullPath(given) : chosen.Reference;
            if (file is null)
            {
                await Console.Error.WriteLineAsync($"--reference: model '{chosen.Name}' has no reference in the configuration; name a file").ConfigureAwait(false);
                return ExitCode.Usage;
            }

            try
            {
                var description = host.Services.GetRequiredService<ModelCatalog>().Describe(chosen)
                    ?? throw new InvalidDataException($"model '{chosen.Name}' has neither an ONNX file nor a schema file: what a row is cannot be known");
                var fitter = host.Services.GetRequiredService<ReferenceFitter>();
                var data = fitter.Load(chosen, description, file);
                var groups = host.Services.GetRequiredService<MonitorPlanner>().MonitorsOf(chosen).Select(m => MonitorPlanner.GroupOf(m.Kind.Family)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
                var results = new List<object>();
                foreach (var group in groups)
                {
                    var fitted = (await fitter.FitAsync(group, chosen, data, Environment.UserName, "reference", $"fitted from {file}", cancellationToken).ConfigureAwait(false))!;
                    Print(group, fitted);
                    results.Add(new
                    {
                        group,
                        sha256 = fitted.Profile.Sha256(),
                        fitted.Profile.Rows,
                        fitted.Profile.Draws,
                        fitted.Profile.Slots,
                        monitors = fitted.Profile.Monitors.Select(m => m.Name),
                        fitted.Warnings,
                        reach = fitted.Reach.Select(r => new { r.Monitor, r.Variable, shift = double.IsFinite(r.Shift) ? r.Shift : (double?)null, draws = double.IsFinite(r.Draws) ? r.Draws : (double?)null }),
                    });
                }

                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), new { model = chosen.Name, version = chosen.Version, reference = file, profiles = results }, cancellationToken).ConfigureAwait(false);
                return ExitCode.Success;
            }
            catch (Exception e) when (e is InvalidDataException or FitException or IOException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Failure;
            }
        });
        return command;
    }

    /// <summary>Says what was fitted, what each monitor can ever prove with it, and what to beware of.</summary>
    internal static void Print(string group, FittedProfile fitted)
    {
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{group}: {fitted.Profile.Draws} draws, slots {fitted.Profile.Slots}, monitors {string.Join(", ", fitted.Profile.Monitors.Select(m => m.Name))}, profile {fitted.Profile.Sha256()}"));
        foreach (var reach in fitted.Reach)
        {
            Console.WriteLine(double.IsFinite(reach.Shift)
                ? string.Create(CultureInfo.InvariantCulture, $"  {reach.Monitor}: can prove a lasting change of {reach.Variable} from {reach.Shift:0.00} standard deviations on, after about {reach.Draws:N0} draws")
                : $"  {reach.Monitor}: can prove no change of {reach.Variable} with this reference at this budget");
        }

        foreach (var warning in fitted.Warnings.Concat(fitted.Failures))
        {
            Console.WriteLine($"  {warning}");
        }
    }
}
