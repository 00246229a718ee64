using System.Buffers;
using System.Globalization;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary>
/// Queries of all clients as lineages of near copies (RUNTIME.md 6; after "query provenance analysis", Li et al., IEEE S&amp;P 2025): a query that shares
/// at least τ hashes with a remembered one joins its lineage. Exact repeats are counted apart: retries are not attacks.
/// </summary>
internal sealed class LineageIndex : IMonitorState
{
    private const string HeaderKey = "";
    private const byte StateVersion = 2;
    private const int LineagesPerPage = 128;

    /// <summary>Part of the newest queries within which a stranger's near copy is one of a search, not an input that comes back.</summary>
    private const double Soon = 0.1;

    private readonly SimilarityIndex _index;
    private readonly int _threshold;
    private readonly long _soon;
    private readonly SortedDictionary<int, Lineage> _lineages = [];
    private readonly SortedSet<int> _dirtyLineagePages = [];
    private readonly Action<int> _forgotten;
    private int _nextLineage;
    private bool _dirty;

    /// <param name="remember">Length of each of the five lists of the index.</param>
    /// <param name="hashesPerQuery">Mean length of a fingerprint in the profile.</param>
    /// <param name="threshold">τ: shared hashes that link.</param>
    public LineageIndex(int remember, double hashesPerQuery, int threshold)
    {
        _index = new SimilarityIndex(remember, hashesPerQuery);
        _threshold = threshold;
        _soon = (long)Math.Ceiling(Soon * remember);
        _forgotten = OnForgotten;
    }

    public int Remembered => _index.Count;

    public long AllocatedBytes => _index.AllocatedBytes;

    public int Capacity => _index.Capacity;

    /// <summary>Inputs that are not exact repeats of remembered ones.</summary>
    public long Fresh => _index.Sequence;

    public long Repeats { get; private set; }

    public long Links { get; private set; }

    /// <summary>The lineage, or null when it is forgotten or never was.</summary>
    public Lineage? Find(int id) => _lineages.GetValueOrDefault(id);

    /// <summary>Takes the next query.</summary>
    /// <param name="fingerprint">Distinct hashes of the input.</param>
    /// <param name="mac">Keyed hash of the raw input, not 0.</param>
    /// <param name="row">Where it comes from.</param>
    /// <returns>The lineage that grew by this query, or null.</returns>
    public Lineage? Add(ReadOnlySpan<ulong> fingerprint, ulong mac, in RowInfo row)
    {
        _dirty = true;
        var repeat = _index.FindRepeat(mac);
        if (repeat >= 0)
        {
            Repeats++;
            if (_lineages.TryGetValue(_index.LineageOf(repeat), out var repeated))
            {
                repeated.Repeats++;
                MarkDirty(repeated);
            }

            return null;
        }

        var (nearest, overlap) = _index.FindNearest(fingerprint);
        if (nearest < 0 || overlap < _threshold)
        {
            _index.Add(fingerprint, mac, row.Offset, row.TimeUnixNano, -1, _forgotten);
            return null;
        }

        Links++;
        if (!_lineages.TryGetValue(_index.LineageOf(nearest), out var lineage))
        {
            lineage = new Lineage(_nextLineage++) { Remembered = 1 };
            lineage.Start(_index.OffsetOf(nearest), _index.UnixNanoOf(nearest), _index.SequenceOf(nearest));
            _lineages.Add(lineage.Id, lineage);
        }

        lineage.Join(overlap, row.EventId, row.Client, _index.Sequence + 1, _soon);
        lineage.Remembered++;
        MarkDirty(lineage);
        _index.Link(nearest, lineage.Id, _forgotten);
        _index.Add(fingerprint, mac, row.Offset, row.TimeUnixNano, lineage.Id, _forgotten);
        return lineage;
    }

    public void TakeDirtyKeys(ICollection<string> keys)
    {
        if (!_dirty)
        {
            return;
        }

        _dirty = false;
        keys.Add(HeaderKey);
        var pages = new List<int>();
        _index.TakeDirtyPages(pages);
        foreach (var page in pages)
        {
            keys.Add("q" + page.ToString("x5", CultureInfo.InvariantCulture));
        }

        foreach (var page in _dirtyLineagePages)
        {
            keys.Add("l" + page.ToString("x7", CultureInfo.InvariantCulture));
        }

        _dirtyLineagePages.Clear();
    }

    public bool Save(string key, IBufferWriter<byte> output)
    {
        var writer = new CanonicalWriter(output);
        if (key.Length == 0)
        {
            writer.WriteByte(StateVersion);
            writer.WriteCount(_nextLineage);
            writer.WriteCount(Repeats);
            writer.WriteCount(Links);
            _index.SaveHeader(writer);
            return true;
        }

        var page = int.Parse(key.AsSpan(1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        if (key[0] == 'q')
        {
            return _index.SavePage(page, output);
        }

        var any = false;
        for (var id = page * LineagesPerPage; id < (page + 1) * LineagesPerPage; id++)
        {
            if (_lineages.TryGetValue(id, out var lineage))
            {
                any = true;
                writer.WriteCount(id - (page * LineagesPerPage) + 1);
                lineage.Write(writer);
            }
        }

        writer.WriteCount(0);
        return any;
    }

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        var reader = new CanonicalReader(value);
        if (key.Length == 0)
        {
            if (reader.ReadByte() != StateVersion)
            {
                throw new InvalidDataException("unknown version of the saved index");
            }

            _nextLineage = checked((int)reader.ReadCount());
            Repeats = reader.ReadCount();
            Links = reader.ReadCount();
            _index.RestoreHeader(ref reader);
            reader.ExpectEnd();
            return;
        }

        if (key[0] is not ('q' or 'l') || !int.TryParse(key.AsSpan(1), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var page))
        {
            throw new InvalidDataException($"unknown key '{key}' of a saved index");
        }

        if (key[0] == 'q')
        {
            _index.RestorePage(page, value);
            return;
        }

        for (var place = reader.ReadCount(); place != 0; place = reader.ReadCount())
        {
            var id = checked((int)((page * (long)LineagesPerPage) + place - 1));
            _lineages[id] = Lineage.Read(id, ref reader);
        }

        reader.ExpectEnd();
    }

    private void OnForgotten(int id)
    {
        var lineage = _lineages[id];
        lineage.Remembered--;
        MarkDirty(lineage);
        if (lineage.Remembered == 0)
        {
            _lineages.Remove(id);
        }
    }

    private void MarkDirty(Lineage lineage) => _dirtyLineagePages.Add(lineage.Id / LineagesPerPage);
}
