using System.CommandLine;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary><c>profile list | diff | approve | rollback</c>: the life of a model's profiles.</summary>
public sealed class ProfileVerb(IReadOnlyList<IServiceModule> modules) : IVerb
{
    private static readonly string[] s_groups = [.. Enum.GetValues<Contracts.Family>().Where(f => f != Contracts.Family.Unspecified).Select(MonitorPlanner.GroupOf)];

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
