using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// Collects admitted draws until a profile can be fitted. Its state is pages of rows, of which a checkpoint writes only those that
/// changed.
/// </summary>
internal sealed class ProfileLearner(ModelDescription model, int target)
{
    /// <summary>Rows of a page.</summary>
    private const int PageRows = 256;

    private readonly List<(RowInfo Info, float[] Values)> _rows = [];
    private readonly SortedSet<int> _dirty = [];
    private readonly SortedSet<int> _gone = [];

    public int Target { get; } = target;

    public int Draws => _rows.Count;

    public bool IsComplete => _rows.Count >= Target;

    /// <summary>Expected end by the log time that the draws so far took; null before the second.</summary>
    public long? ExpectedEnd() =>
        _rows.Count < 2 ? null : _rows[^1].Info.TimeUnixNano + (long)((_rows[^1].Info.TimeUnixNano - _rows[0].Info.TimeUnixNano) / (double)(_rows.Count - 1) * Math.Max(0, Target - _rows.Count));

    /// <summary>Takes a row that is an independent draw.</summary>
    public void Add(RowBatch batch, int row)
    {
        var values = new float[batch.Width + model.Outputs.Sum(o => o.Width)];
        batch.Input(row).CopyTo(values);
        var at = batch.Width;
        for (var o = 0; o < model.Outputs.Count; o++)
        {
            var output = batch.Output(o, row);
            if (output.IsEmpty)
            {
                values.AsSpan(at, model.Outputs[o].Width).Fill(float.NaN);
            }
            else
            {
                output.CopyTo(values.AsSpan(at));
            }

            at += model.Outputs[o].Width;
        }

        _dirty.Add(_rows.Count / PageRows);
        _rows.Add((batch.Rows[row] with { Event = _rows.Count }, values));
    }

    /// <summary>What was learned, in log order.</summary>
    public RowBatch ToBatch()
    {
        var inputs = new float[_rows.Count * model.Width];
        var outputs = model.Outputs.Select(o => new float[_rows.Count * o.Width]).ToArray();
        for (var i = 0; i < _rows.Count; i++)
        {
            var values = _rows[i].Values.AsSpan();
            values[..model.Width].CopyTo(inputs.AsSpan(i * model.Width));
            var at = model.Width;
            for (var o = 0; o < outputs.Length; o++)
            {
                var width = model.Outputs[o].Width;
                values.Slice(at, width).CopyTo(outputs[o].AsSpan(i * width));
                at += width;
            }
        }

        return new RowBatch(model, inputs, outputs, [.. _rows.Select(r => r.Info)], []);
    }

    /// <summary>Forgets the older half: the draws changed within themselves, and the newer ones are what is usual now.</summary>
    public void ForgetOlderHalf()
    {
        var pages = Pages;
        _rows.RemoveRange(0, _rows.Count / 2);
        for (var page = 0; page < pages; page++)
        {
            if (page < Pages)
            {
                _dirty.Add(page);
            }
            else
            {
                _dirty.Remove(page);
                _gone.Add(page);
            }
        }
    }

    private int Pages => (_rows.Count + PageRows - 1) / PageRows;

    /// <summary>Adds the pages changed since the last call, under the key of their number.</summary>
    public void Collect(StateChanges changes, Func<int, StateKey> key)
    {
        foreach (var page in _gone.Where(p => p >= Pages))
        {
            changes.Remove(key(page));
        }

        foreach (var page in _dirty)
        {
            SavePage(page, changes);
            changes.Set(key(page));
        }

        _gone.Clear();
        _dirty.Clear();
    }

    /// <summary>All pages as gone: after learning ended.</summary>
    public IEnumerable<int> AllPages() => Enumerable.Range(0, Pages).Concat(_gone).Distinct().Order();

    /// <summary>Takes back a page; pages come in order.</summary>
    public void RestorePage(ReadOnlySpan<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        var count = reader.ReadLength(8);
        for (var i = 0; i < count; i++)
        {
            var id = Encoding.UTF8.GetString(reader.ReadBytes());
            var eventHash = reader.ReadUInt64();
            var inputHash = reader.ReadUInt64();
            var client = Encoding.UTF8.GetString(reader.ReadBytes());
            var info = new RowInfo(id, eventHash, inputHash, client, reader.ReadSigned(), reader.ReadSigned(), (int)reader.ReadCount(), _rows.Count, Admitted: true);
            var values = MemoryMarshal.Cast<byte, float>(reader.ReadBytes()).ToArray();
            _rows.Add((info, values));
        }

        reader.ExpectEnd();
    }

    private void SavePage(int page, IBufferWriter<byte> output)
    {
        var writer = new CanonicalWriter(output);
        var rows = _rows.Skip(page * PageRows).Take(PageRows).ToList();
        writer.WriteCount(rows.Count);
        foreach (var (info, values) in rows)
        {
            writer.WriteBytes(Encoding.UTF8.GetBytes(info.EventId));
            writer.WriteUInt64(info.EventHash);
            writer.WriteUInt64(info.InputHash);
            writer.WriteBytes(Encoding.UTF8.GetBytes(info.Client));
            writer.WriteSigned(info.TimeUnixNano);
            writer.WriteSigned(info.Offset);
            writer.WriteCount(info.EventRow);
            writer.WriteBytes(MemoryMarshal.AsBytes<float>(values));
        }
    }
}
