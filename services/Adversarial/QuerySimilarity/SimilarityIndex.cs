using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Monitoring.Adversarial;

/// <summary>
/// Remembered queries and their fingerprints: hash → the 16 newest remembered queries that carry it, in buckets of fixed size, so that one query costs bounded
/// work whatever an attacker sends. Five lists of equal length age by count: the newest queries (base), three keyed samples of 1/8, 1/64 and 1/512 (they live
/// 8, 64 and 512 times longer), and both ends of every link (sticky, at most 100 times longer). A plain ring would forget anyone slower than itself.
/// </summary>
/// <remarks>
/// What is forgotten leaves its hashes behind; they count as empty and are swept up later, so state depends on what is remembered only. When a bucket is full
/// its oldest unlinked query loses that one hash. Memory is allocated once: see <see cref="AllocatedBytes"/>.
/// </remarks>
internal sealed partial class SimilarityIndex
{
    private const int BucketSize = 64;

    /// <summary>32-bit words of a bucket's tags, two to a word, and of the whole bucket: tags, then ids. Six cache lines side by side.</summary>
    private const int TagWords = BucketSize / 2;
    private const int BucketWords = TagWords + BucketSize;
    private const int LineWords = 16;
    private const double Load = 0.75;
    private const int NewestPerHash = 16;
    private const int StickyFactor = 100;
    private const int SlotBits = 24;
    private const uint SlotMask = (1u << SlotBits) - 1;

    private readonly int _remember;
    private readonly uint[] _table;

    /// <summary>Where the first cache line of the table begins.</summary>
    private readonly int _first;
    private readonly uint _buckets;
    private readonly Slot[] _slots;
    private readonly long[] _sequences;
    private readonly byte[] _generations;
    private readonly byte[] _lists;
    private readonly byte[] _overlaps;
    private readonly int[] _repeatTable;
    private readonly int[] _newest = new int[6];
    private readonly int[] _oldest = new int[6];
    private readonly int[] _lengths = new int[6];
    private readonly int[] _touched = new int[Fingerprinter.Kept * BucketSize];
    private readonly Stack<int> _free = new();
    private int _used;
    private uint _sweep;
    private uint _fetched;
    private long _sequence;

    /// <param name="remember">Length of each of the five lists, ≤ 2,000,000.</param>
    /// <param name="hashesPerQuery">Mean length of a fingerprint, 1 to 50: sizes the buckets.</param>
    public SimilarityIndex(int remember, double hashesPerQuery)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(remember, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(remember, 2_000_000);
        _remember = remember;
        var slots = (remember * 5) + 2;
        _buckets = (uint)Math.Max(4, Math.Ceiling(remember * 5 * Math.Clamp(hashesPerQuery, 1, Fingerprinter.Kept) / (BucketSize * Load)));
        _table = GC.AllocateArray<uint>(checked((int)(_buckets * BucketWords) + LineWords), pinned: true);
        _first = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(_table, 0) & ((LineWords * sizeof(uint)) - 1)) / sizeof(uint);
        _slots = new Slot[slots];
        _sequences = new long[slots];
        _generations = new byte[slots];
        _lists = new byte[slots];
        _overlaps = new byte[slots];
        Array.Fill(_generations, (byte)1);
        _repeatTable = new int[(int)BitOperations.RoundUpToPowerOf2((uint)(slots * 3L / 2))];
        Array.Fill(_newest, -1);
        Array.Fill(_oldest, -1);
        _dirtyPages = new bool[(slots / PageSize) + 1];
    }

    /// <summary>Queries that can be remembered at once.</summary>
    public int Capacity => _remember * 5;

    /// <summary>Queries remembered now.</summary>
    public int Count => _used - _free.Count;

    /// <summary>Fresh queries seen.</summary>
    public long Sequence => _sequence;

    /// <summary>Bytes of all tables.</summary>
    public long AllocatedBytes =>
        (_table.LongLength * sizeof(uint)) + (_slots.LongLength * Unsafe.SizeOf<Slot>()) + (_sequences.LongLength * sizeof(long)) +
        (_generations.LongLength * 3) + (_repeatTable.LongLength * sizeof(int)) + _dirtyPages.LongLength;

    /// <summary>The slot of an exact repeat, or −1.</summary>
    /// <param name="mac">Keyed hash of the raw input; not 0.</param>
    public int FindRepeat(ulong mac)
    {
        FinishRestore();
        var mask = _repeatTable.Length - 1;
        for (var place = (int)mac & mask; _repeatTable[place] != 0; place = (place + 1) & mask)
        {
            var slot = _repeatTable[place] - 1;
            if (_slots[slot].Mac == mac)
            {
                return slot;
            }
        }

        return -1;
    }

    /// <summary>The remembered query that shares most hashes, the newest of equals.</summary>
    /// <returns>Its slot and the number of shared hashes; slot −1 when none shares any.</returns>
    public (int Slot, int Overlap) FindNearest(ReadOnlySpan<ulong> fingerprint)
    {
        Fetch(fingerprint);
        var touched = 0;
        var bestOverlap = 0;
        foreach (var hash in fingerprint)
        {
            var bucket = BucketOf(hash);
            var ids = Ids(bucket);
            for (var matches = Matches(bucket, TagOf(hash)); matches != 0; matches &= matches - 1)
            {
                var id = ids[BitOperations.TrailingZeroCount(matches)];
                var slot = (int)(id & SlotMask);
                if (_generations[slot] == id >> SlotBits)
                {
                    var overlap = ++_overlaps[slot];
                    bestOverlap = Math.Max(bestOverlap, overlap);
                    if (overlap == 1)
                    {
                        _touched[touched++] = slot;
                    }
                }
            }
        }

        var best = -1;
        foreach (var slot in _touched.AsSpan(0, touched))
        {
            if (_overlaps[slot] == bestOverlap && (best < 0 || _sequences[slot] > _sequences[best]))
            {
                best = slot;
            }

            _overlaps[slot] = 0;
        }

        return (best, bestOverlap);
    }

    /// <summary>Remembers a query that is not an exact repeat; forgets what became too old and calls <paramref name="forgotten"/> with its lineage, if it had one.</summary>
    /// <returns>Its slot.</returns>
    /// <param name="fingerprint">Distinct hashes.</param>
    /// <param name="mac">Keyed hash of the raw input: exact repeats, and which sample the query falls in.</param>
    /// <param name="offset">Input offset.</param>
    /// <param name="unixNano">Log time.</param>
    /// <param name="lineage">Lineage that it joined; −1 for none.</param>
    /// <param name="forgotten">Told the lineage of every forgotten member.</param>
    public int Add(ReadOnlySpan<ulong> fingerprint, ulong mac, long offset, long unixNano, int lineage, Action<int> forgotten)
    {
        _sequence++;
        var list = lineage >= 0 ? List.Sticky : Sample(mac);
        var slot = Free(list, forgotten);
        ref var entry = ref _slots[slot];
        entry.Mac = mac;
        entry.Offset = offset;
        entry.UnixNano = unixNano;
        _sequences[slot] = _sequence;
        entry.Lineage = lineage;
        Enter(slot, list, 2 * _sequence);
        Remember(mac, slot);
        var id = ((uint)_generations[slot] << SlotBits) | (uint)slot;
        foreach (var hash in fingerprint)
        {
            Insert(hash, id);
        }

        Expire(forgotten);
        Sweep();
        return slot;
    }

    /// <summary>Makes a query the end of a link: it joins <paramref name="lineage"/> and lives longer.</summary>
    public void Link(int slot, int lineage, Action<int> forgotten)
    {
        _slots[slot].Lineage = lineage;
        Leave(slot);
        if (_lengths[(int)List.Sticky] >= _remember)
        {
            Forget(_oldest[(int)List.Sticky], forgotten, reuse: false);
        }

        Enter(slot, List.Sticky, (2 * _sequence) + 1);
    }

    public int LineageOf(int slot) => _slots[slot].Lineage;

    public long OffsetOf(int slot) => _slots[slot].Offset;

    public long UnixNanoOf(int slot) => _slots[slot].UnixNano;

    /// <summary>Its number among the fresh queries, from 1.</summary>
    public long SequenceOf(int slot) => _sequences[slot];

    /// <summary>Keyed sample: the MAC decides, which nobody without the key can choose.</summary>
    private static List Sample(ulong mac)
    {
        var draw = mac >> 55;
        return draw == 0 ? List.Sample512 : draw < 8 ? List.Sample64 : draw < 64 ? List.Sample8 : List.Base;
    }

    private int BucketOf(ulong hash) => (int)(((hash >> 32) * _buckets) >> 32);

    private static ushort TagOf(ulong hash) => (ushort)hash;

    private Span<uint> Words(int bucket) => _table.AsSpan(_first + (bucket * BucketWords), BucketWords);

    private Span<ushort> Tags(int bucket) => MemoryMarshal.Cast<uint, ushort>(Words(bucket)[..TagWords]);

    private Span<uint> Ids(int bucket) => Words(bucket)[TagWords..];

    /// <summary>
    /// Reads one word of every cache line that a query will need, each read independent of the others: they wait for memory side by side, where the
    /// searches themselves would wait for one after the other.
    /// </summary>
    private void Fetch(ReadOnlySpan<ulong> fingerprint)
    {
        var any = 0u;
        foreach (var hash in fingerprint)
        {
            var words = Words(BucketOf(hash));
            any ^= words[0] ^ words[LineWords] ^ words[2 * LineWords] ^ words[3 * LineWords] ^ words[4 * LineWords] ^ words[5 * LineWords];
        }

        Volatile.Write(ref _fetched, any);
    }

    /// <summary>One bit for every place of a bucket with this tag.</summary>
    private ulong Matches(int bucket, ushort tag)
    {
        ref var tags = ref MemoryMarshal.GetReference(Tags(bucket));
        var wanted = Vector256.Create(tag);
        var matches = 0ul;
        for (var part = 0; part < BucketSize; part += Vector256<ushort>.Count)
        {
            matches |= (ulong)Vector256.Equals(Vector256.LoadUnsafe(ref tags, (nuint)part), wanted).ExtractMostSignificantBits() << part;
        }

        return matches;
    }

    private int Free(List list, Action<int> forgotten)
    {
        if (_lengths[(int)list] >= _remember)
        {
            var oldest = _oldest[(int)list];
            Forget(oldest, forgotten, reuse: true);
            return oldest;
        }

        return _free.Count > 0 ? _free.Pop() : _used++;
    }

    /// <summary>Sticky members live at most 100 times as long as the base list.</summary>
    private void Expire(Action<int> forgotten)
    {
        var oldest = _oldest[(int)List.Sticky];
        if (oldest >= 0 && _slots[oldest].Entered + (2L * StickyFactor * _remember) < 2 * _sequence)
        {
            Forget(oldest, forgotten, reuse: false);
        }
    }

    private void Forget(int slot, Action<int> forgotten, bool reuse)
    {
        Leave(slot);
        RemoveRepeat(slot);
        var lineage = _slots[slot].Lineage;
        _slots[slot] = default;
        _sequences[slot] = 0;
        _generations[slot] = _generations[slot] == byte.MaxValue ? (byte)1 : (byte)(_generations[slot] + 1);
        if (!reuse)
        {
            _free.Push(slot);
        }

        if (lineage >= 0)
        {
            forgotten(lineage);
        }
    }

    private void Enter(int slot, List list, long entered)
    {
        ref var entry = ref _slots[slot];
        var index = (int)list;
        _lists[slot] = (byte)list;
        entry.Entered = entered;
        entry.Newer = -1;
        entry.Older = _newest[index];
        if (entry.Older >= 0)
        {
            _slots[entry.Older].Newer = slot;
        }
        else
        {
            _oldest[index] = slot;
        }

        _newest[index] = slot;
        _lengths[index]++;
        MarkDirty(slot);
    }

    private void Leave(int slot)
    {
        ref var entry = ref _slots[slot];
        var index = _lists[slot];
        if (entry.Newer >= 0)
        {
            _slots[entry.Newer].Older = entry.Older;
        }
        else
        {
            _newest[index] = entry.Older;
        }

        if (entry.Older >= 0)
        {
            _slots[entry.Older].Newer = entry.Newer;
        }
        else
        {
            _oldest[index] = entry.Newer;
        }

        _lengths[index]--;
        _lists[slot] = 0;
        MarkDirty(slot);
    }

    private void Remember(ulong mac, int slot)
    {
        var mask = _repeatTable.Length - 1;
        var place = (int)mac & mask;
        while (_repeatTable[place] != 0)
        {
            place = (place + 1) & mask;
        }

        _repeatTable[place] = slot + 1;
    }

    /// <summary>Removes with backward shift, so that no search meets a hole.</summary>
    private void RemoveRepeat(int slot)
    {
        var mask = _repeatTable.Length - 1;
        var hole = (int)_slots[slot].Mac & mask;
        while (_repeatTable[hole] != slot + 1)
        {
            hole = (hole + 1) & mask;
        }

        for (var next = (hole + 1) & mask; _repeatTable[next] != 0; next = (next + 1) & mask)
        {
            var home = (int)_slots[_repeatTable[next] - 1].Mac & mask;
            if (((next - home) & mask) >= ((next - hole) & mask))
            {
                _repeatTable[hole] = _repeatTable[next];
                hole = next;
            }
        }

        _repeatTable[hole] = 0;
    }

    private void Insert(ulong hash, uint id)
    {
        var bucket = BucketOf(hash);
        var tag = TagOf(hash);
        var ids = Ids(bucket);

        // Sixteen newest of one hash: the oldest of seventeen goes.
        var place = -1;
        var matches = Matches(bucket, tag);
        if (BitOperations.PopCount(matches) >= NewestPerHash)
        {
            var same = 0;
            for (; matches != 0; matches &= matches - 1)
            {
                var position = BitOperations.TrailingZeroCount(matches);
                if (IsRemembered(ids[position]))
                {
                    same++;
                    place = place < 0 || SequenceOf(ids[position]) < SequenceOf(ids[place]) ? position : place;
                }
            }

            place = same >= NewestPerHash ? place : -1;
        }

        place = place >= 0 ? place : ids.IndexOf(0u);
        if (place < 0)
        {
            place = Victim(ids, Tags(bucket));
        }

        if (IsRemembered(ids[place]))
        {
            MarkDirty((int)(ids[place] & SlotMask));
        }

        Tags(bucket)[place] = tag;
        ids[place] = id;
    }

    /// <summary>A place in a full bucket: of a forgotten query, else of the oldest unlinked one, else of the oldest.</summary>
    private int Victim(ReadOnlySpan<uint> ids, ReadOnlySpan<ushort> tags)
    {
        for (var i = 0; i < ids.Length; i++)
        {
            if (!IsRemembered(ids[i]))
            {
                return i;
            }
        }

        var victim = -1;
        var victimLinked = true;
        long victimSequence = long.MaxValue;
        for (var i = 0; i < ids.Length; i++)
        {
            var slot = (int)(ids[i] & SlotMask);
            var linked = _lists[slot] == (byte)List.Sticky;
            var sequence = _sequences[slot];
            if ((victimLinked && !linked) || (linked == victimLinked && (sequence < victimSequence || (sequence == victimSequence && tags[i] < tags[victim]))))
            {
                victim = i;
                victimLinked = linked;
                victimSequence = sequence;
            }
        }

        return victim;
    }

    private bool IsRemembered(uint id) => id != 0 && _generations[(int)(id & SlotMask)] == id >> SlotBits;

    private long SequenceOf(uint id) => _sequences[(int)(id & SlotMask)];

    /// <summary>Clears one bucket per query of what is forgotten, long before a slot's generation comes round again.</summary>
    private void Sweep()
    {
        var ids = Ids((int)_sweep);
        for (var i = 0; i < ids.Length; i++)
        {
            if (!IsRemembered(ids[i]))
            {
                ids[i] = 0;
            }
        }

        _sweep = (_sweep + 1) % _buckets;
    }

    private enum List : byte
    {
        Base = 1,
        Sample8,
        Sample64,
        Sample512,
        Sticky,
    }

    [StructLayout(LayoutKind.Auto)]
    private struct Slot
    {
        public ulong Mac;
        public long Offset;
        public long UnixNano;

        /// <summary>When it entered its list: twice the sequence, plus one for a link; unique in the list.</summary>
        public long Entered;
        public int Newer;
        public int Older;
        public int Lineage;
    }
}
