using Microsoft.Extensions.DependencyInjection;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Replay.Replaying;

/// <summary>Replays a running installation's whole log, isolated, and compares with the findings that it made live.</summary>
public static class ReplayCheck
{
    /// <summary>Runs the check.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<ReplayCheckResult> RunAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var configuration = services.GetRequiredService<LoadedConfiguration>();
        var log = services.GetRequiredService<IEventLog>();
        var runner = new ReplayRunner(log, services.GetRequiredService<MonitorKinds>(), BuildIdentity.Current(services.GetRequiredService<ScoringRuntime>().Device.ToString()), services.GetRequiredService<TimeProvider>()) { Answers = services.GetRequiredService<ModelCatalog>().Answer };
        var hashes = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var (_, finding) in FindingLog.ReadAsync(log, 0, long.MaxValue, cancellationToken).ConfigureAwait(false))
        {
            hashes.Add(finding.Provenance?.ConfigurationSha256 ?? "");
        }

        using var plan = await ReplayPlan.CreateAsync(services, configuration, Path.Combine(configuration.DataDirectory, "profiles"), hashes, refit: false, cancellationToken).ConfigureAwait(false);
        var live = await runner.LiveAsync([.. plan.Groups.Select(g => g.Configuration.Group)], 0, long.MaxValue, cancellationToken).ConfigureAwait(false);
        var result = await runner.RunAsync(plan.Groups, 0, long.MaxValue, cancellationToken).ConfigureAwait(false);
        var diff = FindingDiff.Between(live, result.Findings);
        return new ReplayCheckResult(diff.IsIdentical, live.Count, result.Findings.Count, result.Events, result.EventsPerSecond, result.Sha256, [.. diff.Describe()]);
    }
}

/// <summary>The outcome of a <see cref="ReplayCheck"/>.</summary>
/// <param name="Identical">Every finding has the same canonical bytes.</param>
/// <param name="LiveFindings">Findings made live.</param>
/// <param name="ReplayedFindings">Findings of the replay.</param>
/// <param name="Events">Events given to monitors, once per group.</param>
/// <param name="EventsPerSecond">Rate of the replay.</param>
/// <param name="Sha256">Over the replay's findings.</param>
/// <param name="Lines">The comparison for people.</param>
public sealed record ReplayCheckResult(bool Identical, int LiveFindings, int ReplayedFindings, long Events, double EventsPerSecond, string Sha256, IReadOnlyList<string> Lines);
