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
    private readonly List<Entry> _entries = [];
    private readonly SortedDictionary<(string Instance, long Start), ulong> _sources = [];

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

    public void Add(Contracts.Source? source, long offset, long timeUnixNano)
    {
        FirstTime = Events == 0 ? timeUnixNano : FirstTime;
        Events++;
        LastTime = timeUnixNano;
        if (source is null || source.Sequence == 0)
        {
            Expected++;
        }
        else
        {
            var key = (source.Instance, source.StartUnixNano);
            if (!_sources.TryGetValue(key, out var last))
            {
                if (_sources.Count >= MaxSources)
                {
                    _sources.Remove(_sources.MinBy(s => s.Key.Start).Key);
                }

                Expected++;
                _sources[key] = source.Sequence;
            }
            else if (source.Sequence > last)
            {
                Expected += (long)Math.Min(source.Sequence - last, int.MaxValue);
                _sources[key] = source.Sequence;
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
        foreach (var ((instance, start), sequence) in _sources)
        {
            writer.WriteBytes(Encoding.UTF8.GetBytes(instance));
            writer.WriteSigned(start);
            writer.WriteUInt64(sequence);
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
            _sources[(instance, start)] = reader.ReadUInt64();
        }

        var entries = reader.ReadLength(4);
        var last = default(Entry);
        for (var i = 0; i < entries; i++)
        {
            last = new Entry(last.Offset + reader.ReadSigned(), last.Time + reader.ReadSigned(), last.Events + reader.ReadSigned(), last.Expected + reader.ReadSigned());
            _entries.Add(last);
        }
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

    private readonly record struct Entry(long Offset, long Time, long Events, long Expected);
}
