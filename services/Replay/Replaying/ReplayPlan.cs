using Microsoft.Extensions.DependencyInjection;
using Monitoring.Detection;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Replay.Replaying;

/// <summary>What an isolated run watches: the groups of a configuration, with copies of the installation's profiles in a folder that goes with it.</summary>
internal sealed class ReplayPlan : IDisposable
{
    private readonly string _folder;

    private ReplayPlan(string folder, IReadOnlyList<(MonitorGroupConfiguration Configuration, ProfileStore Profiles)> groups)
    {
        _folder = folder;
        Groups = groups;
    }

    public IReadOnlyList<(MonitorGroupConfiguration Configuration, ProfileStore Profiles)> Groups { get; }

    /// <summary>Makes a plan.</summary>
    /// <param name="services">A host's services, built from <paramref name="configuration"/>.</param>
    /// <param name="configuration">What is to be run.</param>
    /// <param name="profileFolder">The installation's <c>profiles</c> folder; copied.</param>
    /// <param name="liveHashes">Configuration hashes that findings of the range carry: of the plans that are possible (the approved profile, or one learned from the traffic itself) the one with such a hash is taken.</param>
    /// <param name="refit">Fit profiles anew where the configuration names reference data: for settings that differ from the installation's.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<ReplayPlan> CreateAsync(IServiceProvider services, LoadedConfiguration configuration, string profileFolder, IReadOnlySet<string> liveHashes, bool refit, CancellationToken cancellationToken)
    {
        var kinds = services.GetRequiredService<MonitorKinds>();
        var time = services.GetRequiredService<TimeProvider>();
        var folder = Directory.CreateTempSubdirectory("monitoring-replay-").FullName;
        try
        {
            var isolated = configuration with { Value = configuration.Value with { Data = folder } };
            var stores = new ProfileStores(isolated, time);
            var fitter = ActivatorUtilities.CreateInstance<ReferenceFitter>(services, isolated, stores);
            var planning = new MonitorPlanning(isolated, services.GetRequiredService<MonitorPlanner>(), services.GetRequiredService<ModelCatalog>(), fitter, stores);
            var fitted = configuration.Value.Models.Where(m => m.Reference is not null).Select(m => m.Name).ToHashSet(StringComparer.Ordinal);
            if (!refit)
            {
                Copy(profileFolder, Path.Combine(folder, "profiles"));
            }

            var groups = new List<(MonitorGroupConfiguration, ProfileStore)>();
            foreach (var group in kinds.Names.Select(n => MonitorPlanner.GroupOf(kinds[n].Family)).Distinct().Order(StringComparer.Ordinal))
            {
                if (!planning.Watches(group))
                {
                    continue;
                }

                // The live installation may have learned from this very traffic what was approved since.
                var plan = await planning.PlanAsync(group, cancellationToken).ConfigureAwait(false);
                var learning = plan with { Models = [.. plan.Models.Where(m => fitted.Contains(m.Name) || m.Version.Length == 0).Select(m => fitted.Contains(m.Name) ? m : m with { ProfileSha256 = null })] };
                groups.Add((!liveHashes.Contains(plan.Sha256()) && liveHashes.Contains(learning.Sha256()) ? learning : plan, stores[group]));
            }

            return new ReplayPlan(folder, groups);
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void Copy(string from, string to)
    {
        if (!Directory.Exists(from))
        {
            return;
        }

        Directory.CreateDirectory(to);
        foreach (var directory in Directory.GetDirectories(from, "*", SearchOption.AllDirectories))
        {
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, directory)));
        }

        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)), overwrite: true);
        }
    }
}
