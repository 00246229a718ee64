using System.Runtime.InteropServices;
using System.Text;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// What a model's traffic was since when: log time by offset, and coverage — events seen by what the sources say they sent (numbers contiguous per
/// source and start). The last 256 events are kept one by one, older ones thinned by halves: what began longer ago is
/// dated to the kept event before it. A function of the events alone.
/// </summary>
internal sealed class TrafficHistory
{
    private const int Capacity = 512;
    private const int MaxSources = 256;
    private static readonly Comparer<(long Start, string Instance)> s_oldestFirst = Comparer<(long Start, string Instance)>.Create((a, b) =>
        a.Start != b.Start ? a.Start.CompareTo(b.Start) : string.CompareOrdinal(a.Instance, b.Instance));

    private readonly List<Entry> _entries = [];
    private readonly Dictionary<(string Instance, long Start), SourceCount> _sources = [];
    private (string Instance, long Start) _lastSource = ("", 0);
    private SourceCount? _lastCount;

    public long Events { get; private set; }

    /// <summary>Events that the sources say they sent, as far as the events seen tell.</summary>
    public long Expected { get; private set; }

    public long LastTime { get; private set; }

    /// <summary>Rows of the events.</summary>
    public long Rows { get; private set; }

    /// <summary>Log time of the first event.</summary>
    public long FirstTime { get; private set; }

    /// <summary>Mean log time between rows, nanoseconds; infinite before the second moment.</summary>
    public double MeanRowNano => Rows > 1 && LastTime > FirstTime ? (LastTime - FirstTime) / (double)(Rows - 1) : double.PositiveInfinity;

    public void AddRow() => Rows++;

    /// <summary>Adds the rows of a batch, and their events.</summary>
    public void Add(RowBatch batch)
    {
        foreach (ref readonly var row in batch.Rows)
        {
            if (row.EventRow == 0)
            {
                Add(batch.Facts(row.Event), row.Offset, row.TimeUnixNano);
            }

            AddRow();
        }
    }

    /// <summary>Whether <see cref="Save"/> would write the same bytes.</summary>
    public bool Equals(TrafficHistory other) =>
        Events == other.Events && Rows == other.Rows && FirstTime == other.FirstTime && Expected == other.Expected && LastTime == other.LastTime
        && _sources.Count == other._sources.Count && _sources.All(s => other._sources.TryGetValue(s.Key, out var count) && count.Last == s.Value.Last)
        && CollectionsMarshal.AsSpan(_entries).SequenceEqual(CollectionsMarshal.AsSpan(other._entries));

    /// <summary>Takes over another history, into an empty one.</summary>
    public void CopyFrom(TrafficHistory other)
    {
        (Events, Rows, FirstTime, Expected, LastTime) = (other.Events, other.Rows, other.FirstTime, other.Expected, other.LastTime);
        foreach (var (source, count) in other._sources)
        {
            _sources.Add(source, new SourceCount { Last = count.Last });
        }

        _entries.AddRange(other._entries);
    }

    public void Add(in EventFacts facts, long offset, long timeUnixNano)
    {
        FirstTime = Events == 0 ? timeUnixNano : FirstTime;
        Events++;
        LastTime = timeUnixNano;
        if (facts.Instance is null || facts.Sequence == 0)
        {
            Expected++;
        }
        else
        {
            var count = _lastCount is not null && _lastSource.Start == facts.Start && string.Equals(_lastSource.Instance, facts.Instance, StringComparison.Ordinal)
                ? _lastCount
                : Find(facts.Instance, facts.Start);
            if (count.Last == 0)
            {
                Expected++;
                count.Last = facts.Sequence;
            }
            else if (facts.Sequence > count.Last)
            {
                Expected += (long)Math.Min(facts.Sequence - count.Last, int.MaxValue);
                count.Last = facts.Sequence;
            }
        }

        if (_entries.Count == Capacity)
        {
            // Every second of the older half; one pass, so that adding stays cheap.
            var kept = 0;
            for (var i = 0; i < Capacity; i++)
            {
                if (i >= Capacity / 2 || i % 2 == 0)
                {
                    _entries[kept++] = _entries[i];
                }
            }

            _entries.RemoveRange(kept, Capacity - kept);
        }

        _entries.Add(new Entry(offset, timeUnixNano, Events, Expected));
    }

    /// <summary>Log time of the newest kept event at or before the offset.</summary>
    public long TimeOf(long offset) => Find(offset)?.Time ?? LastTime;

    /// <summary>Events from the offset to now.</summary>
    public long EventsSince(long offset) => Find(offset) is { } entry ? Events - entry.Events + 1 : Events;

    /// <summary>Share of the events sent since the offset that were seen; 1 when nothing is missing.</summary>
    public double CoverageSince(long offset)
    {
        if (Find(offset) is not { } entry)
        {
            return Coverage;
        }

        var seen = Events - entry.Events;
        var sent = Expected - entry.Expected;
        return sent <= 0 ? 1 : Math.Min(1, seen / (double)sent);
    }

    public double Coverage => Expected <= 0 ? 1 : Math.Min(1, Events / (double)Expected);

    public void Save(CanonicalWriter writer)
    {
        writer.WriteCount(Events);
        writer.WriteCount(Rows);
        writer.WriteSigned(FirstTime);
        writer.WriteCount(Expected);
        writer.WriteSigned(LastTime);
        writer.WriteCount(_sources.Count);
        foreach (var ((instance, start), count) in _sources.OrderBy(s => s.Key.Instance, StringComparer.Ordinal).ThenBy(s => s.Key.Start))
        {
            writer.WriteBytes(Encoding.UTF8.GetBytes(instance));
            writer.WriteSigned(start);
            writer.WriteUInt64(count.Last);
        }

        writer.WriteCount(_entries.Count);
        var last = default(Entry);
        foreach (var entry in _entries)
        {
            writer.WriteSigned(entry.Offset - last.Offset);
            writer.WriteSigned(entry.Time - last.Time);
            writer.WriteSigned(entry.Events - last.Events);
            writer.WriteSigned(entry.Expected - last.Expected);
            last = entry;
        }
    }

    public void Restore(ref CanonicalReader reader)
    {
        Events = reader.ReadCount();
        Rows = reader.ReadCount();
        FirstTime = reader.ReadSigned();
        Expected = reader.ReadCount();
        LastTime = reader.ReadSigned();
        var sources = reader.ReadCount();
        for (var i = 0L; i < sources; i++)
        {
            var instance = Encoding.UTF8.GetString(reader.ReadBytes());
            var start = reader.ReadSigned();
            _sources[(instance, start)] = new SourceCount { Last = reader.ReadUInt64() };
        }

        var entries = reader.ReadLength(4);
        var last = default(Entry);
        for (var i = 0; i < entries; i++)
        {
            last = new Entry(last.Offset + reader.ReadSigned(), last.Time + reader.ReadSigned(), last.Events + reader.ReadSigned(), last.Expected + reader.ReadSigned());
            _entries.Add(last);
        }
    }

    /// <summary>The source's count, remembered for the next event; a new one has seen nothing. Beyond the limit the one that started first is forgotten.</summary>
    private SourceCount Find(string instance, long start)
    {
        _lastSource = (instance, start);
        if (!_sources.TryGetValue(_lastSource, out var count))
        {
            if (_sources.Count >= MaxSources)
            {
                _sources.Remove(_sources.Keys.MinBy(k => (k.Start, k.Instance), s_oldestFirst));
            }

            _sources.Add(_lastSource, count = new SourceCount());
        }

        return _lastCount = count;
    }

    private Entry? Find(long offset)
    {
        var low = 0;
        var high = _entries.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_entries[middle].Offset <= offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low > 0 ? _entries[low - 1] : null;
    }

    private sealed class SourceCount
    {
        /// <summary>The largest number seen; 0 for none.</summary>
        public ulong Last { get; set; }
    }

    private readonly record struct Entry(long Offset, long Time, long Events, long Expected);
}
