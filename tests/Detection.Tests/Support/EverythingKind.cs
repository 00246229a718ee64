using System.Buffers;
using System.Buffers.Binary;
using Monitoring.Contracts;

namespace Monitoring.Detection.Tests.Support;

/// <summary>Uses all that a sink and a state offer: clients, bets, evidence of its own, certain findings, state under many keys.</summary>
internal sealed class EverythingKind : MonitorKind<PlainKind.Settings>
{
    public override string Name => "everything";

    public override string Description => "All that a sink offers.";

    public override Family Family => Family.Extraction;

    public override Severity DefaultSeverity => Severity.Harm;

    public override MonitorScope Scope => MonitorScope.Client;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, PlainKind.Settings options, CancellationToken cancellationToken) => ValueTask.FromResult(FittedParameters.None);

    protected override IMonitor Create(MonitorContext context, PlainKind.Settings options) => new Everything();

    private sealed class Everything : IMonitor, IMonitorState
    {
        private readonly SortedDictionary<string, long> _byClient = new(StringComparer.Ordinal);
        private readonly SortedDictionary<string, (long Count, long Offset, long Time)> _highs = new(StringComparer.Ordinal);
        private readonly SortedSet<string> _dirty = new(StringComparer.Ordinal);

        public IReadOnlyList<Variable> Variables { get; } =
        [
            new Variable("x0"),
            new Variable("x0 of a client") { PerSubject = true },
            new Variable("bet on x1") { Type = VariableType.Bet },
            new Variable("alone") { OwnAlarm = true, Severity = Severity.Change },
        ];

        public bool HoldsEvidence => true;

        public IMonitorState State => this;

        public async ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
        {
            // Finishes at its own pace, on another thread: order must come from the runtime.
            await Task.Yield();
            var scores = new MonitorScores(rows.Count, 2);
            for (var row = 0; row < rows.Count; row++)
            {
                scores.Row(row)[0] = rows.Input(row)[0];
                scores.Row(row)[1] = rows.Input(row)[1];
            }

            return scores;
        }

        public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
        {
            var info = rows.Rows[row];
            var (x0, x1) = (scores.Row(row)[0], scores.Row(row)[1]);
            _byClient[info.Client] = _byClient.GetValueOrDefault(info.Client) + 1;
            _dirty.Add("c/" + info.Client);
            sink.Observe(0, x0);
            sink.Observe(1, x0, info.Client);
            sink.Bet(2, (0.5 * x1) - 0.125);
            sink.Observe(3, x1);
            if (x0 > 1.5)
            {
                var (count, offset, time) = _highs.GetValueOrDefault(info.Client, (0, info.Offset, info.TimeUnixNano));
                _highs[info.Client] = (count + 1, offset, time);
                _dirty.Add("h/" + info.Client);
                if (info.Client.Length > 0)
                {
                    sink.Evidence("high/" + info.Client, (count + 1) * 0.25, offset, time, info.Client);
                }
            }

            if (x1 > 3)
            {
                sink.Report(new CertainFinding("x1", "x1 is above 3") { Quiet = TimeSpan.FromSeconds(5), Measures = [("seen", _byClient.Values.Sum())] });
            }
        }

        public void Describe(AlarmContext alarm, FindingDetails details)
        {
            details.Measures["clients"] = _byClient.Count;
            details.Measures["rows"] = _byClient.Values.Sum();
        }

        public void TakeDirtyKeys(ICollection<string> keys)
        {
            foreach (var key in _dirty)
            {
                keys.Add(key);
            }

            _dirty.Clear();
        }

        public bool Save(string key, IBufferWriter<byte> output)
        {
            var span = output.GetSpan(24);
            if (key[0] == 'c')
            {
                BinaryPrimitives.WriteInt64LittleEndian(span, _byClient[key[2..]]);
                output.Advance(8);
                return true;
            }

            var (count, offset, time) = _highs[key[2..]];
            BinaryPrimitives.WriteInt64LittleEndian(span, count);
            BinaryPrimitives.WriteInt64LittleEndian(span[8..], offset);
            BinaryPrimitives.WriteInt64LittleEndian(span[16..], time);
            output.Advance(24);
            return true;
        }

        public void Restore(string key, ReadOnlySpan<byte> value)
        {
            if (key[0] == 'c')
            {
                _byClient[key[2..]] = BinaryPrimitives.ReadInt64LittleEndian(value);
            }
            else
            {
                _highs[key[2..]] = (BinaryPrimitives.ReadInt64LittleEndian(value), BinaryPrimitives.ReadInt64LittleEndian(value[8..]), BinaryPrimitives.ReadInt64LittleEndian(value[16..]));
            }
        }
    }
}
