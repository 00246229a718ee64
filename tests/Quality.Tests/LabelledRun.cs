using System.Buffers;
using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Quality.Tests;

/// <summary>Rows and labels through one monitor, with restarts between any two of them.</summary>
internal sealed class LabelledRun : IObservationSink
{
    private readonly IMonitorKind _kind;
    private readonly ModelDescription _model;
    private readonly MonitorContext _context;
    private readonly Dictionary<string, byte[]> _saved = new(StringComparer.Ordinal);
    private long _offset;

    private LabelledRun(IMonitorKind kind, ModelDescription model, MonitorContext context)
    {
        (_kind, _model, _context) = (kind, model, context);
        Monitor = kind.Create(context);
    }

    public IMonitor Monitor { get; private set; }

    public SortedDictionary<string, double> Evidences { get; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, double> Strongest { get; } = new(StringComparer.Ordinal);

    /// <summary>Every evidence that was spoken, in order.</summary>
    public List<(string Subject, double LogEvidence, long Since)> Spoken { get; } = [];

    public double Measure(string name, string segment = "") => Monitor.Measures.Single(m => m.Name == name && m.Segment == segment).Value;

    public static async Task<LabelledRun> CreateAsync(IMonitorKind kind, ModelDescription model, float[] reference, Dictionary<string, string> options, float[][]? outputs = null, float[]? labels = null)
    {
        var parsed = MonitorOptions.Create(kind, options);
        var data = ReferenceData.Split(ReferenceData.FromMatrix(model, reference, reference.Length / model.Width, outputs), labels: labels);
        var fitted = await kind.FitAsync(new FitContext(model, data, parsed, 1), TestContext.Current.CancellationToken);
        return new LabelledRun(kind, model, new MonitorContext("m", model, parsed, fitted.Bytes, 1));
    }

    /// <summary>One call of one row.</summary>
    public void Call(string id, float[] input, float[] output, long time = 0, bool isDraw = true, string requestId = "")
    {
        var rows = new RowBatch(_model, input, [output], [new RowInfo(id, 1, 1, "", time, _offset++, 0, 0, isDraw)], [new InferenceEvent { Id = id, Model = "m", RequestId = requestId }]);
        Monitor.Apply(rows, 0, Monitor.ScoreAsync(rows, TestContext.Current.CancellationToken).AsTask().GetAwaiter().GetResult(), this);
    }

    public void Label(string id, double truth, long time = 0) => Label(new TrueLabel { FeedbackId = "f" + id, Model = "m", EventId = id, Label = truth.ToString(CultureInfo.InvariantCulture) }, time);

    public void Label(TrueLabel label, long time = 0) => ((ILabelledMonitor)Monitor).ApplyLabel(new RowLabel(0, label, _offset++, time), this);

    /// <summary>A checkpoint of what changed, and a new owner that takes it back.</summary>
    public void Restart()
    {
        var keys = new List<string>();
        Monitor.State!.TakeDirtyKeys(keys);
        foreach (var key in keys)
        {
            var buffer = new ArrayBufferWriter<byte>();
            Assert.True(Monitor.State.Save(key, buffer));
            _saved[key] = buffer.WrittenSpan.ToArray();
        }

        Monitor = _kind.Create(_context);
        foreach (var (key, value) in _saved.OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            Monitor.State!.Restore(key, value);
        }
    }

    public int StateBytes => _saved.Values.Sum(v => v.Length);

    public FindingDetails Describe(string subject)
    {
        var details = new FindingDetails();
        Monitor.Describe(new AlarmContext(ReferenceData.FromMatrix(_model, [], 0), 0, subject, -1, 1, 1), details);
        return details;
    }

    public void Observe(int variable, double value, string subject = "") => throw new NotSupportedException();

    public void Bet(int variable, double logIncrement, string subject = "") => throw new NotSupportedException();

    public void Report(CertainFinding finding) => throw new NotSupportedException();

    public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "")
    {
        Spoken.Add((subject, logEvidence, sinceOffset));
        Evidences[subject] = logEvidence;
        Strongest[subject] = Math.Max(Strongest.GetValueOrDefault(subject, double.NegativeInfinity), logEvidence);
    }
}
