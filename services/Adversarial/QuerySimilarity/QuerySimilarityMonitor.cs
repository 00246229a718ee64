using System.Globalization;
using System.Runtime.InteropServices;
using Monitoring.Detection;

namespace Monitoring.Adversarial;

/// <summary>Finds many near copies of one input, over all clients together.</summary>
internal sealed class QuerySimilarityMonitor : IMonitor
{
    private const string Prefix = "lineage-";

    private readonly Fingerprinter _fingerprinter;
    private readonly QuerySimilarityParameters _parameters;
    private readonly FingerprintKey _key;
    private readonly LineageIndex _index;
    private readonly bool _everyLink;
    private readonly double _logPerMember;

    public QuerySimilarityMonitor(ModelDescription model, QuerySimilarityOptions options, QuerySimilarityParameters parameters, FingerprintKey key)
    {
        if (parameters.KeyCheck != key.First64("query-similarity"u8))
        {
            throw new InvalidDataException("the profile of query-similarity was fitted under another key: set the key of that time, or fit again");
        }

        _parameters = parameters;
        _key = key;
        _fingerprinter = parameters.CreateFingerprinter(model, options.Definition, key);
        _index = new LineageIndex(options.Remember, parameters.HashesPerQuery, parameters.Threshold);
        _everyLink = options.Definition == FingerprintDefinition.Published;
        _logPerMember = -Math.Log(parameters.Growth);
    }

    public IReadOnlyList<Variable> Variables => [];

    public IMonitorState State => _index;

    internal LineageIndex Index => _index;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken) => ValueTask.FromResult<MonitorScores>(Score(rows));

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        var fingerprints = (FingerprintScores)scores;
        var fingerprint = fingerprints.Fingerprint(row);
        if (fingerprint.Length == 0 || _index.Add(fingerprint, fingerprints.Macs[row], rows.Rows[row]) is not { } lineage)
        {
            return;
        }

        var subject = Prefix + lineage.Id.ToString(CultureInfo.InvariantCulture);
        if (_everyLink)
        {
            sink.Report(new CertainFinding(subject, "A query shares more than half of its published fingerprint with an earlier one") { Client = rows.Rows[row].Client });
            return;
        }

        var client = lineage.OtherClients == 0 && lineage.Clients.Count == 1 ? lineage.Clients.Keys.First() : "";
        sink.Evidence(subject, (lineage.Counted - 1) * _logPerMember, lineage.SinceOffset, lineage.SinceUnixNano, client);
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        if (!alarm.Subject.StartsWith(Prefix, StringComparison.Ordinal) ||
            !int.TryParse(alarm.Subject.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ||
            _index.Find(id) is not { } lineage)
        {
            return;
        }

        var who = lineage.Clients.Count switch
        {
            0 => "unattributed clients",
            1 when lineage.OtherClients == 0 => $"client {lineage.Clients.Keys.First()}",
            _ => $"{lineage.Clients.Count} clients together",
        };
        details.Summary = $"{lineage.Size} near copies of one input came from {who}: someone is searching for an input that deceives the model";
        details.Measures["near-copies"] = lineage.Size;
        details.Measures["near-copies-counted"] = lineage.Counted;
        details.Measures["clients"] = lineage.Clients.Count;
        details.Measures["exact-repeats"] = lineage.Repeats;
        details.Measures["shared-hashes-mean"] = (double)lineage.OverlapSum / Math.Max(1, lineage.Size - 1);
        details.Measures["shared-hashes-threshold"] = _parameters.Threshold;
        details.Measures["growth-allowed"] = _parameters.Growth;
        details.SampleEventIds.AddRange(lineage.EventIds);
        details.Clients.AddRange(lineage.Clients.OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal).Select(c => c.Key));
        details.Effect = ("near-copies", 1 / (1 - _parameters.Growth), lineage.Size, lineage.Size - (1 / (1 - _parameters.Growth)));
    }

    internal FingerprintScores Score(RowBatch rows)
    {
        var scores = new FingerprintScores(rows.Count);
        for (var row = 0; row < rows.Count; row++)
        {
            var input = rows.Input(row);
            scores.Lengths[row] = (byte)_fingerprinter.Fingerprint(input, _parameters.Frequent, scores.Hashes.AsSpan(row * Fingerprinter.Kept, Fingerprinter.Kept));
            scores.Macs[row] = _key.First64(MemoryMarshal.AsBytes(input));
        }

        return scores;
    }

    /// <summary>Fingerprints and keyed hashes of the raw inputs.</summary>
    internal sealed class FingerprintScores(int rows) : MonitorScores(0, 0)
    {
        public ulong[] Hashes { get; } = new ulong[rows * Fingerprinter.Kept];

        public byte[] Lengths { get; } = new byte[rows];

        public ulong[] Macs { get; } = new ulong[rows];

        public ReadOnlySpan<ulong> Fingerprint(int row) => Hashes.AsSpan(row * Fingerprinter.Kept, Lengths[row]);
    }
}
