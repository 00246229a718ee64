using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>The last independent draws of a monitor as cells of a <see cref="ChangeReference"/>, in a ring: what a finding looks at to say which columns carry the change.</summary>
internal sealed class RecentRows(ChangeReference reference)
{
    public const int Most = 256;
    private readonly int _columns = reference.Features.Count;
    private readonly byte[] _cells = new byte[Most * reference.Features.Count];
    private readonly long[] _offsets = new long[Most];
    private int _count;
    private int _next;

    public void Add(ReadOnlySpan<float> row, long offset)
    {
        reference.Encode(row, _cells.AsSpan(_next * _columns, _columns));
        _offsets[_next] = offset;
        _next = (_next + 1) % Most;
        _count = Math.Min(_count + 1, Most);
    }

    /// <summary>Rows from an offset on, in their order: rows × columns.</summary>
    public byte[] Since(long offset)
    {
        var rows = new List<byte>(_count * _columns);
        for (var i = Most - _count; i < Most; i++)
        {
            var at = (_next + i) % Most;
            if (_offsets[at] >= offset)
            {
                rows.AddRange(_cells.AsSpan(at * _columns, _columns));
            }
        }

        return [.. rows];
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteCount(_count);
        var before = 0L;
        for (var i = Most - _count; i < Most; i++)
        {
            var at = (_next + i) % Most;
            writer.WriteSigned(_offsets[at] - before);
            before = _offsets[at];
            writer.WriteBytes(_cells.AsSpan(at * _columns, _columns));
        }
    }

    /// <exception cref="InvalidDataException">Malformed, or of another reference.</exception>
    public void Restore(ref CanonicalReader reader)
    {
        var count = reader.ReadLength(1 + _columns);
        if (count > Most)
        {
            throw new InvalidDataException($"{count} recent rows, at most {Most} are kept");
        }

        _count = count;
        _next = count % Most;
        var offset = 0L;
        for (var at = 0; at < count; at++)
        {
            _offsets[at] = offset += reader.ReadSigned();
            var cells = reader.ReadBytes();
            if (cells.Length != _columns)
            {
                throw new InvalidDataException($"a recent row of {cells.Length} columns, {_columns} expected");
            }

            for (var c = 0; c < cells.Length; c++)
            {
                _cells[(at * _columns) + c] = cells[c] < reference.Columns[c].Count ? cells[c] : throw new InvalidDataException("a recent row in a cell that there is not");
            }
        }
    }
}
