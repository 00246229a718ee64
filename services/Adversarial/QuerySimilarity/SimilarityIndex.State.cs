using System.Buffers;
using System.Buffers.Binary;
using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <content>State in pages of 64 queries: who is remembered, and which of its hashes the index still holds. Places inside buckets are not state.</content>
internal sealed partial class SimilarityIndex
{
    /// <summary>Queries in one page of state, some 20 kB.</summary>
    public const int PageSize = 64;

    private const int PageEntryBytes = Fingerprinter.Kept * 6;

    private readonly bool[] _dirtyPages;
    private Dictionary<int, List<ulong>>? _gathered;
    private long _gatheredAt = -1;
    private bool _restoring;

    /// <summary>Adds the numbers of changed pages, ascending, and forgets that they changed.</summary>
    public void TakeDirtyPages(ICollection<int> pages)
    {
        FinishRestore();
        var taken = new HashSet<int>();
        for (var page = 0; page < _dirtyPages.Length; page++)
        {
            if (_dirtyPages[page])
            {
                _dirtyPages[page] = false;
                pages.Add(page);
                taken.Add(page);
            }
        }

        _gathered = Gather(taken);
        _gatheredAt = _sequence;
    }

    /// <summary>Writes counters and the order of free places.</summary>
    public void SaveHeader(CanonicalWriter writer)
    {
        FinishRestore();
        writer.WriteCount(_remember);
        writer.WriteCount(_buckets);
        writer.WriteCount(_sequence);
        writer.WriteCount(_used);
        writer.WriteCount(_free.Count);
        foreach (var slot in _free.Reverse())
        {
            writer.WriteCount(slot);
        }
    }

    public void RestoreHeader(ref CanonicalReader reader)
    {
        var remember = reader.ReadCount();
        var buckets = reader.ReadCount();
        if (remember != _remember || buckets != _buckets)
        {
            throw new InvalidDataException($"the saved index remembers {remember} queries a list in {buckets} buckets, the configured one {_remember} in {_buckets}");
        }

        _restoring = true;
        _sequence = reader.ReadCount();
        _used = checked((int)reader.ReadCount());
        if (_used > _slots.Length)
        {
            throw new InvalidDataException($"{_used} places used of {_slots.Length}");
        }

        for (var left = reader.ReadLength(1); left > 0; left--)
        {
            _free.Push(checked((int)reader.ReadCount()));
        }
    }

    /// <summary>Writes the remembered queries of a page; false when there is none.</summary>
    public bool SavePage(int page, IBufferWriter<byte> output)
    {
        FinishRestore();
        if (_gatheredAt != _sequence || _gathered is null || !_gathered.ContainsKey(page))
        {
            _gathered = Gather([page]);
            _gatheredAt = _sequence;
        }

        var entries = _gathered[page];
        var writer = new CanonicalWriter(output);
        var any = false;
        var next = 0;
        var packed = new byte[PageEntryBytes];
        for (var slot = page * PageSize; slot < Math.Min((page + 1) * PageSize, _used); slot++)
        {
            var local = (ulong)(slot % PageSize);
            var first = next;
            while (next < entries.Count && entries[next] >> 48 == local)
            {
                next++;
            }

            if (_lists[slot] == 0)
            {
                continue;
            }

            any = true;
            ref readonly var entry = ref _slots[slot];
            writer.WriteCount((long)local + 1);
            writer.WriteByte(_lists[slot]);
            writer.WriteUInt64(entry.Mac);
            writer.WriteSigned(entry.Offset);
            writer.WriteSigned(entry.UnixNano);
            writer.WriteCount(_sequences[slot]);
            writer.WriteCount(entry.Entered);
            writer.WriteSigned(entry.Lineage);
            for (var i = first; i < next; i++)
            {
                var place = packed.AsSpan((i - first) * 6, 6);
                BinaryPrimitives.WriteUInt32LittleEndian(place, (uint)(entries[i] >> 16));
                BinaryPrimitives.WriteUInt16LittleEndian(place[4..], (ushort)entries[i]);
            }

            writer.WriteBytes(packed.AsSpan(0, (next - first) * 6));
        }

        writer.WriteCount(0);
        return any;
    }

    public void RestorePage(int page, ReadOnlySpan<byte> value)
    {
        _restoring = true;
        var reader = new CanonicalReader(value);
        for (var place = reader.ReadCount(); place != 0; place = reader.ReadCount())
        {
            var slot = checked((int)((page * (long)PageSize) + place - 1));
            var list = reader.ReadByte();
            if (place > PageSize || slot >= _slots.Length || list is < (byte)List.Base or > (byte)List.Sticky)
            {
                throw new InvalidDataException($"page {page}: place {place} in list {list} does not exist");
            }

            ref var entry = ref _slots[slot];
            _lists[slot] = list;
            entry.Mac = reader.ReadUInt64();
            entry.Offset = reader.ReadSigned();
            entry.UnixNano = reader.ReadSigned();
            _sequences[slot] = reader.ReadCount();
            entry.Entered = reader.ReadCount();
            entry.Lineage = checked((int)reader.ReadSigned());
            var packed = reader.ReadBytes();
            if (packed.Length % 6 != 0)
            {
                throw new InvalidDataException($"page {page}: {packed.Length} bytes of hashes are not a multiple of six");
            }

            var id = ((uint)_generations[slot] << SlotBits) | (uint)slot;
            for (; packed.Length > 0; packed = packed[6..])
            {
                var bucket = BinaryPrimitives.ReadUInt32LittleEndian(packed);
                if (bucket >= _buckets)
                {
                    throw new InvalidDataException($"page {page}: bucket {bucket} of {_buckets}");
                }

                var ids = Ids((int)bucket);
                var free = ids.IndexOf(0u);
                if (free < 0)
                {
                    throw new InvalidDataException($"page {page}: bucket {bucket} holds more than {BucketSize} hashes");
                }

                ids[free] = id;
                Tags((int)bucket)[free] = BinaryPrimitives.ReadUInt16LittleEndian(packed[4..]);
            }
        }

        reader.ExpectEnd();
    }

    private void MarkDirty(int slot) => _dirtyPages[slot / PageSize] = true;

    /// <summary>After all pages are back: lists in the order in which their members entered, and the table of repeats.</summary>
    private void FinishRestore()
    {
        if (!_restoring)
        {
            return;
        }

        _restoring = false;
        var members = Enumerable.Range(0, _used).Where(s => _lists[s] != 0).OrderBy(s => _slots[s].Entered).ToArray();
        foreach (var slot in members)
        {
            Remember(_slots[slot].Mac, slot);
            Enter(slot, (List)_lists[slot], _slots[slot].Entered);
        }

        Array.Clear(_dirtyPages);
    }

    /// <summary>Hashes of the remembered queries of some pages in one pass over the index, as place (16 bits), bucket (32) and tag (16), sorted.</summary>
    private Dictionary<int, List<ulong>> Gather(HashSet<int> pages)
    {
        var gathered = pages.ToDictionary(p => p, _ => new List<ulong>());
        for (var bucket = 0; pages.Count > 0 && bucket < _buckets; bucket++)
        {
            var ids = Ids(bucket);
            var tags = Tags(bucket);
            for (var place = 0; place < ids.Length; place++)
            {
                var slot = (int)(ids[place] & SlotMask);
                if (IsRemembered(ids[place]) && gathered.TryGetValue(slot / PageSize, out var entries))
                {
                    entries.Add(((ulong)(slot % PageSize) << 48) | ((ulong)bucket << 16) | tags[place]);
                }
            }
        }

        foreach (var entries in gathered.Values)
        {
            entries.Sort();
        }

        return gathered;
    }
}
