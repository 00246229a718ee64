using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Alerting.Pipeline;

/// <summary>Kept and shown, not told: what is stale, from expected clients, from muted monitors, or under a silence.</summary>
internal sealed class MuteStage : IAlertStage
{
    public const string Stale = "stale";

    private readonly long _staleAfter;
    private readonly Dictionary<string, HashSet<string>> _expected;
    private readonly HashSet<(string Model, string Monitor)> _muted;

    public MuteStage(MonitoringConfiguration configuration, ClientSealer sealer)
    {
        _staleAfter = UnixNano.Span(configuration.Alerting.StaleAfter);
        // The file names clients as people do; findings carry sealed ids.
        _expected = configuration.Models.ToDictionary(m => m.Name, m => m.Expected.Select(e => sealer.Seal("client", e)).ToHashSet(StringComparer.Ordinal), StringComparer.Ordinal);
        _muted = [.. from model in configuration.Models
                     from monitor in model.Monitors ?? []
                     where monitor.Muted
                     select (model.Name, monitor.Name ?? monitor.Kind)];
    }

    public ValueTask ApplyAsync(AlertContext context, CancellationToken cancellationToken)
    {
        var finding = context.Finding;
        if (context.Batch.NowUnixNano - finding.TimeUnixNano > _staleAfter)
        {
            context.Suppress(Stale);
        }

        if (_muted.Contains((finding.Model, finding.Monitor)))
        {
            context.Suppress($"monitor {finding.Monitor} is muted");
        }

        if (IsExpected(finding))
        {
            context.Suppress("expected client");
        }

        foreach (var silence in context.Batch.Silences)
        {
            if ((silence.Model.Length == 0 || silence.Model == finding.Model)
                && (silence.Client.Length == 0 || silence.Client == finding.Client)
                && (silence.Family == Family.Unspecified || silence.Family == finding.Family))
            {
                context.Suppress(string.Create(CultureInfo.InvariantCulture, $"silence {silence.Id}"));
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Every client that takes part must be expected: a stranger in the cohort is news.</summary>
    private bool IsExpected(Finding finding) =>
        _expected.TryGetValue(finding.Model, out var expected) && expected.Count > 0
        && (finding.Client.Length > 0 || finding.Clients.Count > 0)
        && finding.Clients.Append(finding.Client).Where(c => c.Length > 0).All(expected.Contains);
}
