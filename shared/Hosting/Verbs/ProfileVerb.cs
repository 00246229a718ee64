using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary><c>profile list | diff | approve | accept | rollback</c>: the life of a model's profiles.</summary>
public sealed class ProfileVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    private static readonly string[] s_groups = [.. Enum.GetValues<Family>().Where(f => f != Family.Unspecified).Select(MonitorPlanner.GroupOf)];

    public Command CreateCommand()
    {
        var command = new Command("profile", "What is normal for a model: list, compare, approve, go back.");
        command.Add(Sub("list", "Profiles and decisions.", [], (store, group, model, _, _) =>
        {
            var approved = store.Approved(model.Name, model.Version);
            foreach (var p in store.List(model.Name, model.Version))
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{group,-12} {(p.Sha256 == approved ? "approved " : "         ")} {p.Sha256} {p.Draws} draws from {p.Origin}"));
            }

            foreach (var d in store.History(model.Name, model.Version))
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{group,-12} {d.Time:u} {d.Author}: {d.Sha256[..12]} {d.Reason}"));
            }

            return ExitCode.Success;
        }));
        var first = new Argument<string>("first") { Description = "SHA-256 of a profile." };
        var second = new Argument<string>("second") { Description = "SHA-256 of another." };
        command.Add(Sub("diff", "What moved between two profiles.", [first, second], (store, group, model, parsed, _) =>
        {
            var known = store.List(model.Name, model.Version).Select(p => p.Sha256).ToHashSet(StringComparer.Ordinal);
            var (a, b) = (parsed.GetRequiredValue(first), parsed.GetRequiredValue(second));
            if (!known.Contains(a) || !known.Contains(b))
            {
                return null;
            }

            var difference = ProfileDifference.Between(store.Load(model.Name, model.Version, a), store.Load(model.Name, model.Version, b));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{group}: distance {difference.Distance:F3} standard deviations"));
            foreach (var (variable, movement) in difference.Variables.Take(20))
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {movement,8:F3}  {variable}"));
            }

            return ExitCode.Success;
        }));
        var sha = new Argument<string>("sha256") { Description = "SHA-256 of the profile." };
        command.Add(Sub("approve", "Put a profile in use.", [sha], (store, _, model, parsed, reason) =>
        {
            var wanted = parsed.GetRequiredValue(sha);
            if (!store.List(model.Name, model.Version).Any(p => p.Sha256 == wanted))
            {
                return null;
            }

            store.Approve(model.Name, model.Version, wanted, Environment.UserName, reason);
            return ExitCode.Success;
        }));
        command.Add(Sub("rollback", "Put back the profile that was in use before.", [], (store, group, model, _, reason) =>
        {
            if (store.History(model.Name, model.Version).Select(h => h.Sha256).Distinct(StringComparer.Ordinal).Count() < 2)
            {
                return null;
            }

            Console.WriteLine($"{group}: {store.Rollback(model.Name, model.Version, Environment.UserName, reason)}");
            return ExitCode.Success;
        }));
        command.Add(Accept());
        return command;
    }

    /// <summary><c>accept --incident ID</c>: what looked like a change is the new normal. Fits the model's profiles on the incident's traffic and approves them.</summary>
    private Command Accept()
    {
        var config = VerbOptions.Config();
        var incident = new Option<string>("--incident") { Description = "Id of the incident.", Required = true };
        var reason = new Option<string>("--reason") { Description = "Why this is normal, for the record.", Required = true };
        var command = new Command("accept", "Make an incident's traffic the new normal; a running installation takes it at its next checkpoint.") { config, incident, reason };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var host = await OfflineHost.BuildAsync(parsed.GetRequiredValue(config), modules).ConfigureAwait(false);
            if (host is null)
            {
                return ExitCode.Usage;
            }

            var id = parsed.GetRequiredValue(incident);
            try
            {
                var range = await host.Services.GetRequiredService<IIncidentRanges>().FindAsync(id, cancellationToken).ConfigureAwait(false)
                    ?? throw new InvalidDataException($"there is no incident '{id}'");
                var configuration = host.Services.GetRequiredService<LoadedConfiguration>();
                var model = configuration.Value.Models.FirstOrDefault(m => m.Name == range.Model)
                    ?? throw new InvalidDataException($"incident '{id}' is about model '{range.Model}', which is not configured");
                await using var log = EventLogFactory.Create(configuration, TimeProvider.System, NullLoggerFactory.Instance, readOnly: true);
                var expected = model.Expected.ToHashSet(StringComparer.Ordinal);
                var reference = await LogReference.ReadAsync(
                    log, Topics.InferenceEvents, model.Name, range.Version, host.Services.GetRequiredService<ModelCatalog>().Describe(model), range.FromUnixNano, range.ToUnixNano + 1,
                    exclude: e => expected.Contains(e.Client?.Id ?? ""), cancellationToken: cancellationToken).ConfigureAwait(false);
                var fitter = host.Services.GetRequiredService<ReferenceFitter>();
                foreach (var group in host.Services.GetRequiredService<MonitorPlanner>().MonitorsOf(model).Select(m => MonitorPlanner.GroupOf(m.Kind.Family)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
                {
                    var fitted = await fitter.FitAsync(group, model, reference, Environment.UserName, $"incident {id}", parsed.GetRequiredValue(reason), cancellationToken).ConfigureAwait(false);
                    FitVerb.Print(group, fitted!);
                }

                return ExitCode.Success;
            }
            catch (Exception e) when (e is InvalidDataException or FitException or EventLogException or IOException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Failure;
            }
        });
        return command;
    }

    /// <summary>A sub-command over every group's store; an action that returns null had nothing to do with that group.</summary>
    private Command Sub(string name, string description, Argument[] arguments, Func<ProfileStore, string, ModelConfiguration, ParseResult, string, int?> action)
    {
        var config = VerbOptions.Config();
        var model = new Option<string?>("--model") { Description = "Model; may be left out when there is only one." };
        var reason = new Option<string>("--reason") { Description = "Why, for the record.", DefaultValueFactory = _ => "by hand" };
        var command = new Command(name, description) { config, model, reason };
        foreach (var argument in arguments)
        {
            command.Add(argument);
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var host = await OfflineHost.BuildAsync(parsed.GetRequiredValue(config), modules).ConfigureAwait(false);
            if (host is null)
            {
                return ExitCode.Usage;
            }

            var chosen = await OfflineHost.FindModelAsync(host.Services.GetRequiredService<LoadedConfiguration>(), parsed.GetValue(model)).ConfigureAwait(false);
            if (chosen is null)
            {
                return ExitCode.Usage;
            }

            var stores = host.Services.GetRequiredService<ProfileStores>();
            var results = s_groups.Select(group => action(stores[group], group, chosen, parsed, parsed.GetRequiredValue(reason))).OfType<int>().ToList();
            if (results.Count == 0)
            {
                await Console.Error.WriteLineAsync($"model '{chosen.Name}' has no such profile; `profile list` shows what there is").ConfigureAwait(false);
                return ExitCode.Failure;
            }

            return results.Max();
        });
        return command;
    }
}
