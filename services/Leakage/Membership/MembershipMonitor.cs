using System.Globalization;
using Monitoring.Detection;

namespace Monitoring.Leakage;

/// <summary>Counts distinct training records per client against what honest clients do.</summary>
internal sealed class MembershipMonitor(RecordHashes records, double a, double b, int capacity) : IMonitor
{
    private readonly ClientTable<MemberClient> _clients = new(capacity);
    private readonly double[] _alternatives = Alternatives(a / (a + b));

    public IReadOnlyList<Variable> Variables => [];

    public IMonitorState State => _clients;

    /// <summary>Hit rates of attackers that the evidence is spread over, given the honest mean.</summary>
    public static double[] Alternatives(double mean) => [.. new[] { 2 * mean, 5 * mean, 20 * mean, 0.5, 0.95 }.Where(q => q > mean && q < 1).Distinct().Order()];

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
    {
        var scores = new HashScores(rows.Count);
        for (var row = 0; row < rows.Count; row++)
        {
            scores.Hashes[row] = records.Hash(rows.Input(row));
        }

        return ValueTask.FromResult<MonitorScores>(scores);
    }

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        ref readonly var info = ref rows.Rows[row];
        if (info.Client.Length == 0)
        {
            return;
        }

        var client = _clients.Touch(info.Client);
        var hash = ((HashScores)scores).Hashes[row];
        if (!client.Admit(hash, info))
        {
            return;
        }

        client.Update(records.Contains(hash), a, b, _alternatives);
        sink.Evidence(info.Client, client.LogEvidence, client.SinceOffset, client.SinceUnixNano, info.Client);
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        if (_clients.Find(alarm.Subject) is not { } client)
        {
            return;
        }

        var (share, honest) = ((double)client.Hits / client.Records, a / (a + b));
        details.Summary = string.Create(CultureInfo.InvariantCulture, $"{client.Hits} of {client.Records} distinct records that client {alarm.Subject} asked about are training data; honest clients: {honest:P2} on average");
        details.Measures["hits"] = client.Hits;
        details.Measures["records"] = client.Records;
        details.Measures["honest-share"] = honest;
        details.Effect = ("share", honest, share, share - honest);
    }

    private sealed class HashScores(int rows) : MonitorScores(0, 0)
    {
        public ulong[] Hashes { get; } = new ulong[rows];
    }
}
