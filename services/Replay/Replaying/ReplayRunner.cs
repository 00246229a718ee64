using System.Buffers.Binary;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;

namespace Monitoring.Replay.Replaying;

/// <summary>Runs a range of the log through groups of monitors, isolated: its own state, its own copy of the profiles, its own metrics, no notifications.</summary>
/// <param name="source">The log; only read.</param>
/// <param name="kinds">Kinds of monitors.</param>
/// <param name="build">Stands in the findings; equal builds give equal bytes.</param>
/// <param name="time">Clock of the figures for people.</param>
internal sealed class ReplayRunner(IEventLog source, MonitorKinds kinds, BuildIdentity build, TimeProvider time)
{
    /// <summary>Asks models, as the live groups do.</summary>
    public ModelAnswers? Answers { get; init; }

    /// <summary>Told events done, at most once per batch.</summary>
    public Action<long>? Progress { get; init; }

    /// <summary>Runs the groups side by side.</summary>
    /// <param name="groups">Each group's configuration and the profile store it may use: a copy, for a run may learn and approve profiles.</param>
    /// <param name="fromTime">Log time from; 0 for the log's start. Evidence begins at the start of the range.</param>
    /// <param name="toTime">Log time to (exclusive).</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<ReplayResult> RunAsync(IReadOnlyList<(MonitorGroupConfiguration Configuration, ProfileStore Profiles)> groups, long fromTime, long toTime, CancellationToken cancellationToken)
    {
        var partitions = await source.GetPartitionCountAsync(Topics.InferenceEvents, cancellationToken).ConfigureAwait(false);
        var ranges = new OffsetRange[partitions];
        for (var p = 0; p < partitions; p++)
        {
            var (from, to) = await LogOffsets.InAsync(source, Topics.InferenceEvents, p, fromTime, toTime, cancellationToken).ConfigureAwait(false);
            ranges[p] = new OffsetRange(from, to);
        }

        var start = time.GetTimestamp();
        var range = new IsolatedRange(source, Topics.InferenceEvents, ranges) { Progress = Progress };
        using var metrics = new DetectionMetrics(new IsolatedMeters());

        // No checkpoint falls due: nobody will continue this run.
        var options = new MonitorGroupOptions { CheckpointRecords = int.MaxValue, CheckpointInterval = TimeSpan.FromDays(3650), Answers = Answers };
        var logs = new List<IsolatedLog>();
        foreach (var (configuration, profiles) in groups)
        {
            var log = new IsolatedLog(source, range);
            logs.Add(log);
            await new MonitorGroup(log, kinds, profiles, configuration, options, build, metrics, time, NullLogger<MonitorGroup>.Instance).StartAsync(cancellationToken).ConfigureAwait(false);
        }

        await range.RunAsync(cancellationToken).ConfigureAwait(false);
        List<Finding> findings =
        [
            .. logs.SelectMany(log => log.Written(Topics.Findings).Select(r => Finding.Parser.ParseFrom(r.Value!.Value.Span))
                .OrderBy(f => f.Position.InputPartition).ThenBy(f => f.Position.InputOffset).ThenBy(f => f.Position.Ordinal)),
        ];
        return new ReplayResult(findings, range.Events, time.GetElapsedTime(start).TotalSeconds, Hash(findings)) { Recorded = range.Recorded };
    }

    /// <summary>The findings that live groups made from events of a time range.</summary>
    /// <param name="groups">Names of groups.</param>
    /// <param name="fromTime">Log time of the event, from.</param>
    /// <param name="toTime">To (exclusive).</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<IReadOnlyList<Finding>> LiveAsync(IReadOnlyCollection<string> groups, long fromTime, long toTime, CancellationToken cancellationToken)
    {
        var ranges = new Dictionary<int, (long From, long To)>();
        var live = new List<Finding>();
        await foreach (var (_, finding) in FindingLog.ReadAsync(source, 0, long.MaxValue, cancellationToken).ConfigureAwait(false))
        {
            if (finding.Position is not { } position || !groups.Contains(position.Group) || position.InputTopic != Topics.InferenceEvents)
            {
                continue;
            }

            if (!ranges.TryGetValue(position.InputPartition, out var range))
            {
                ranges[position.InputPartition] = range = await LogOffsets.InAsync(source, Topics.InferenceEvents, position.InputPartition, fromTime, toTime, cancellationToken).ConfigureAwait(false);
            }

            // Redelivered findings are the same finding.
            if (position.InputOffset >= range.From && position.InputOffset < range.To && !live.Exists(f => f.Id == finding.Id))
            {
                live.Add(finding);
            }
        }

        return live;
    }

    private static string Hash(List<Finding> findings)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[4];
        foreach (var finding in findings)
        {
            var bytes = finding.ToByteArray();
            BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
            sha.AppendData(length);
            sha.AppendData(bytes);
        }

        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    /// <summary>Meters under a name of their own, so that a replay does not show in the metrics of what is live.</summary>
    private sealed class IsolatedMeters : IMeterFactory
    {
        private readonly List<Meter> _meters = [];

        public Meter Create(MeterOptions options)
        {
            var meter = new Meter($"Isolated.{options.Name}");
            _meters.Add(meter);
            return meter;
        }

        public void Dispose() => _meters.ForEach(m => m.Dispose());
    }
}
