using System.Globalization;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.AllInOne.Drills;

/// <summary>What monitors found while a drill ran, matched to the queries that crossed a level by the ids the drill gave them.</summary>
internal sealed class DrillFindings(IEventLog log, string run)
{
    private readonly Dictionary<int, long> _from = [];
    private readonly Dictionary<int, long> _eventsFrom = [];
    private readonly List<Hit> _hits = [];
    private long _events;
    private long _own;

    /// <summary>An alarm on one of the drill's own queries.</summary>
    /// <param name="Scenario">Scenario of the query; <c>clean</c> for clean clients.</param>
    /// <param name="Seed">Its seed.</param>
    /// <param name="Query">Its number in the scenario, from 1.</param>
    /// <param name="Kind">Kind of the monitor.</param>
    internal sealed record Hit(string Scenario, int Seed, int Query, string Kind);

    public IReadOnlyList<Hit> Hits => _hits;

    /// <summary>Ids of queries of this drill: run/scenario/seed#number.</summary>
    public string Id(string scenario, int seed) => string.Create(CultureInfo.InvariantCulture, $"{run}/{scenario}/{seed}");

    /// <summary>An account of this drill's own: what a former drill did must not have alarmed about it already.</summary>
    public string Account(string scenario, int seed, int number) => string.Create(CultureInfo.InvariantCulture, $"{run}-{scenario}-{seed}-{number}");

    /// <summary>A number that differs from drill to drill.</summary>
    public int Offset { get; } = (int)(Detection.StableHash.Of(run) % 1_000_003);

    /// <summary>Starts at the present ends of the topics of findings and of events.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        (_events, _own) = (0, 0);
        for (var partition = 0; partition < await log.GetPartitionCountAsync(Topics.Findings, cancellationToken).ConfigureAwait(false); partition++)
        {
            _from[partition] = (await log.GetOffsetsAsync(Topics.Findings, partition, cancellationToken).ConfigureAwait(false)).End;
        }

        for (var partition = 0; partition < await log.GetPartitionCountAsync(Topics.InferenceEvents, cancellationToken).ConfigureAwait(false); partition++)
        {
            _eventsFrom[partition] = (await log.GetOffsetsAsync(Topics.InferenceEvents, partition, cancellationToken).ConfigureAwait(false)).End;
        }
    }

    /// <summary>Events in the log since the start, and how many of them are the drill's own.</summary>
    public async Task<(long Events, long Own)> LoggedAsync(CancellationToken cancellationToken)
    {
        foreach (var partition in _eventsFrom.Keys.ToArray())
        {
            var end = (await log.GetOffsetsAsync(Topics.InferenceEvents, partition, cancellationToken).ConfigureAwait(false)).End;
            await foreach (var entry in log.ReadAsync(Topics.InferenceEvents, partition, _eventsFrom[partition], end, cancellationToken).ConfigureAwait(false))
            {
                if (entry.Value is { } value)
                {
                    _events++;
                    _own += InferenceEvent.Parser.ParseFrom(value.Span).RequestId.StartsWith(run + "/", StringComparison.Ordinal) ? 1 : 0;
                }
            }

            _eventsFrom[partition] = end;
        }

        return (_events, _own);
    }

    /// <summary>Reads what is new.</summary>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        foreach (var partition in _from.Keys.ToArray())
        {
            var end = (await log.GetOffsetsAsync(Topics.Findings, partition, cancellationToken).ConfigureAwait(false)).End;
            await foreach (var entry in log.ReadAsync(Topics.Findings, partition, _from[partition], end, cancellationToken).ConfigureAwait(false))
            {
                if (entry.Value is { } value)
                {
                    await AddAsync(Finding.Parser.ParseFrom(value.Span), cancellationToken).ConfigureAwait(false);
                }
            }

            _from[partition] = end;
        }
    }

    private async Task AddAsync(Finding finding, CancellationToken cancellationToken)
    {
        // What is only recorded is no alarm.
        if (finding.Severity == Severity.Record || finding.Position is not { InputTopic: Topics.InferenceEvents } position)
        {
            return;
        }

        await foreach (var entry in log.ReadAsync(position.InputTopic, position.InputPartition, position.InputOffset, position.InputOffset + 1, cancellationToken).ConfigureAwait(false))
        {
            if (entry.Value is not { } value || !InferenceEvent.Parser.ParseFrom(value.Span).RequestId.StartsWith(run + "/", StringComparison.Ordinal))
            {
                continue;
            }

            var parts = InferenceEvent.Parser.ParseFrom(value.Span).RequestId[(run.Length + 1)..].Split('/', '#');
            if (parts.Length == 3 && int.TryParse(parts[1], CultureInfo.InvariantCulture, out var seed) && int.TryParse(parts[2], CultureInfo.InvariantCulture, out var query))
            {
                _hits.Add(new Hit(parts[0], seed, query, finding.Kind));
            }
        }
    }
}
