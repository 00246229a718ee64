using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Forensics;

/// <summary>Which events findings name among their samples.</summary>
public sealed class FlaggedEvents
{
    private readonly Dictionary<string, Flags> _byEvent = new(StringComparer.Ordinal);

    /// <summary>Reads a model's findings of a range of log time on: nanoseconds since the epoch, 0 for all.</summary>
    public static async Task<FlaggedEvents> ReadAsync(IEventLog log, string model, long from, CancellationToken cancellationToken)
    {
        var flagged = new FlaggedEvents();
        await foreach (var (_, finding) in FindingLog.ReadAsync(log, from, long.MaxValue, cancellationToken).ConfigureAwait(false))
        {
            if (finding.Model == model)
            {
                flagged.Add(finding);
            }
        }

        return flagged;
    }

    /// <summary>The findings that name an event; null where none does.</summary>
    public Flags? Find(string eventId) => _byEvent.GetValueOrDefault(eventId);

    private void Add(Finding finding)
    {
        foreach (var id in finding.SampleEventIds)
        {
            var before = _byEvent.GetValueOrDefault(id) ?? new Flags([], Outlying: false);
            _byEvent[id] = new Flags([.. before.Findings, finding.Id], before.Outlying || finding.Family == Family.Outlier);
        }
    }

    /// <summary>What was found about an event.</summary>
    /// <param name="Findings">Ids.</param>
    /// <param name="Outlying">One of them says that it is an outlier.</param>
    public sealed record Flags(IReadOnlyList<string> Findings, bool Outlying);
}
