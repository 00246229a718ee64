using System.Buffers;
using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>
/// The newest predictions of a model version, waiting for their labels: a ring of fixed size, so memory and checkpoints are bounded whatever traffic does, and a horizon in log time. A function of the rows and
/// labels in log order. Only pages that changed are written.
/// </summary>
internal sealed class PredictionIndex
{
    private const int PageSize = 256;
    private readonly Prediction[] _ring;
    private readonly bool[] _joined;
    private readonly long _horizonNano;
    private readonly Dictionary<ulong, int> _byEvent = [];
    private readonly Dictionary<ulong, int> _byRequest = [];
    private readonly SortedSet<int> _dirty = [];

    /// <param name="capacity">Predictions kept.</param>
    /// <param name="horizon">Log time within which a label must come.</param>
    public PredictionIndex(int capacity, TimeSpan horizon)
    {
        _ring = new Prediction[capacity];
        _joined = new bool[capacity];
        _horizonNano = horizon.Ticks * 100;
    }

    /// <summary>Predictions ever added; the place of the next is this modulo the capacity.</summary>
    public long Added { get; private set; }

    public long Joined { get; private set; }

    /// <summary>Labels of calls older than the horizon.</summary>
    public long Late { get; private set; }

    /// <summary>Labels whose call is not among those kept: of another version, never seen, or too many calls ago.</summary>
    public long Unknown { get; private set; }

    /// <summary>Labels for a row that had one: the first counts, evidence cannot be taken back.</summary>
    public long Repeated { get; private set; }

    /// <summary>Labels that are no class of the model and no number.</summary>
    public long Unreadable { get; private set; }

    public IReadOnlyList<MonitorMeasure> Measures =>
    [
        new("labels-joined", "", Joined),
        new("labels-late", "", Late),
        new("labels-unknown", "", Unknown),
        new("labels-repeated", "", Repeated),
        new("labels-unreadable", "", Unreadable),
    ];

    /// <summary>Hash of a call and a row.</summary>
    public static ulong Key(string call, int row) => Math.Max(1, StableHash.Combine(StableHash.Of(call), (ulong)row));

    /// <summary>Keeps the prediction of a row in place of the oldest.</summary>
    public void Add(RowBatch rows, int row, int segment)
    {
        // Reference rows, over which the runtime calibrates, were never called.
        if (rows.Events.Count == 0)
        {
            return;
        }

        var info = rows.Rows[row];
        var inference = rows.Events[info.Event];
        var part = inference.Part;
        var at = part is null ? info.EventRow : (int)(part.FirstRow + info.EventRow);
        var output = rows.Model.IndexOf(OutputRole.Probabilities);
        var probabilities = output >= 0 && rows.HasOutput(output) ? rows.Output(output, row) : [];
        var number = rows.Model.IndexOf(OutputRole.Regression);
        var prediction = new Prediction(
            Key(part is null ? inference.Id : part.CallId, at),
            inference.RequestId.Length > 0 ? Key(inference.RequestId, at) : 0,
            info.TimeUnixNano,
            rows.PredictedClass(row),
            number >= 0 && rows.HasOutput(number) ? rows.Output(number, row)[0] : double.NaN,
            probabilities.Length == 1 ? [1 - probabilities[0], probabilities[0]] : probabilities.Length <= MostClasses ? probabilities.ToArray() : [],
            segment,
            info.Admitted);

        // A failed call predicts nothing; an event delivered to the log twice is one call.
        if ((prediction.Class < 0 && double.IsNaN(prediction.Value)) || _byEvent.ContainsKey(prediction.Event))
        {
            return;
        }

        var slot = (int)(Added % _ring.Length);
        Forget(slot);
        Place(slot, prediction, joined: false);
        Added++;
    }

    /// <summary>Classes beyond which only the predicted one is kept.</summary>
    public const int MostClasses = 32;

    /// <summary>Finds the prediction that a label is about and marks it; null, and counted why, where there is none.</summary>
    public (Prediction Prediction, double Truth)? Join(RowLabel label, ModelSchema schema)
    {
        var found = label.Label;
        var row = found.Row;
        if (!(found.EventId.Length > 0 ? _byEvent.TryGetValue(Key(found.EventId, row), out var slot) : _byRequest.TryGetValue(Key(found.RequestId, row), out slot)))
        {
            Unknown++;
            return null;
        }

        if (label.TimeUnixNano - _ring[slot].Time > _horizonNano)
        {
            Late++;
            return null;
        }

        var truth = TrueValue.Of(found, schema);
        if (!double.IsFinite(truth) || (_ring[slot].Class >= 0 && double.IsNaN(_ring[slot].Value) && (truth < 0 || truth > 1e6 || truth != Math.Floor(truth))))
        {
            Unreadable++;
            return null;
        }

        if (_joined[slot])
        {
            Repeated++;
            return null;
        }

        _joined[slot] = true;
        _dirty.Add(slot / PageSize);
        Joined++;
        return (_ring[slot], truth);
    }

    public void TakeDirtyKeys(ICollection<string> keys)
    {
        foreach (var page in _dirty)
        {
            keys.Add(string.Create(CultureInfo.InvariantCulture, $"page/{page:D6}"));
        }

        _dirty.Clear();
    }

    public void SavePage(string key, IBufferWriter<byte> output)
    {
        var first = int.Parse(key.AsSpan(5), CultureInfo.InvariantCulture) * PageSize;
        var writer = new CanonicalWriter(output);
        var last = Math.Min(first + PageSize, _ring.Length);
        var count = 0;
        for (var slot = first; slot < last; slot++)
        {
            count += _ring[slot].Event != 0 ? 1 : 0;
        }

        writer.WriteCount(count);
        for (var slot = first; slot < last; slot++)
        {
            var p = _ring[slot];
            if (p.Event == 0)
            {
                continue;
            }

            writer.WriteCount(slot - first);
            writer.WriteUInt64(p.Event);
            writer.WriteUInt64(p.Request);
            writer.WriteSigned(p.Time);
            writer.WriteSigned(p.Class);
            writer.WriteDouble(p.Value);
            writer.WriteDoubles([.. p.Probabilities.Select(v => (double)v)]);
            writer.WriteSigned(p.Segment);
            writer.WriteByte((byte)((p.IsDraw ? 1 : 0) | (_joined[slot] ? 2 : 0)));
        }
    }

    public void RestorePage(string key, ReadOnlySpan<byte> value)
    {
        var first = int.Parse(key.AsSpan(5), CultureInfo.InvariantCulture) * PageSize;
        var reader = new CanonicalReader(value);
        var count = reader.ReadLength(20);
        for (var i = 0; i < count; i++)
        {
            var slot = first + reader.ReadCount();
            var prediction = new Prediction(reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadSigned(), (int)reader.ReadSigned(), reader.ReadDouble(), [.. reader.ReadDoubles().Select(v => (float)v)], (int)reader.ReadSigned(), false);
            var flags = reader.ReadByte();
            if (slot >= _ring.Length)
            {
                throw new InvalidDataException("a prediction beyond the ring");
            }

            Place((int)slot, prediction with { IsDraw = (flags & 1) != 0 }, (flags & 2) != 0);
        }

        reader.ExpectEnd();
        _dirty.Clear();
    }

    public void Save(CanonicalWriter writer)
    {
        foreach (var count in new[] { Added, Joined, Late, Unknown, Repeated, Unreadable })
        {
            writer.WriteCount(count);
        }
    }

    public void Restore(ref CanonicalReader reader) =>
        (Added, Joined, Late, Unknown, Repeated, Unreadable) = (reader.ReadCount(), reader.ReadCount(), reader.ReadCount(), reader.ReadCount(), reader.ReadCount(), reader.ReadCount());

    private void Place(int slot, in Prediction prediction, bool joined)
    {
        _ring[slot] = prediction;
        _joined[slot] = joined;
        _byEvent[prediction.Event] = slot;
        if (prediction.Request != 0)
        {
            _byRequest[prediction.Request] = slot;
        }

        _dirty.Add(slot / PageSize);
    }

    private void Forget(int slot)
    {
        var old = _ring[slot];
        if (old.Event != 0)
        {
            _byEvent.Remove(old.Event);
            if (old.Request != 0 && _byRequest.TryGetValue(old.Request, out var at) && at == slot)
            {
                _byRequest.Remove(old.Request);
            }
        }
    }
}
