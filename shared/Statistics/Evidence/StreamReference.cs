using System.Buffers;

namespace Monitoring.Statistics;

/// <summary>
/// The frozen reference of one stream (RUNTIME 1 and 2): clean values cut into about k = 4, 8 and 20 bins of equal mass,
/// per slot. It keeps cuts and counts, not the values. Immutable; safe to share between streams and threads.
/// <para>
/// <b>Numeric.</b> A value with at least 1/(2k) of the reference is an atom, a bin of its own, with m = count + ½. The
/// other values are cut at reference order statistics, separately in every slot; m = number of spacings in the bin, so
/// that for independent draws the bins' unknown probabilities are exactly Dirichlet(m) (reference/algorithms.md d.9.1).
/// Other ties are broken by a uniform number: for stream values a hash of the event's id, for reference values a hash of
/// their position.
/// </para>
/// <para>
/// <b>Categorical.</b> A category with at least 1/(2k) of the reference is a bin; rarer ones are packed, in the order of
/// their code, into groups of about 1/k; everything else is "unseen", with the mass that Good and Turing give it
/// (I. J. Good, Biometrika 1953): a category seen once counts 2·N2/N1, and "unseen" N1 + ½, where N1 and N2 are the
/// numbers of categories seen once and twice.
/// </para>
/// </summary>
public sealed class StreamReference
{
    /// <summary>Fewest reference values of a slot: 20 for each of the 4 coarsest bins.</summary>
    public const int MinimumValues = 80;

    private const byte Version = 1;
    private const int ValuesPerBin = 20;
    private static readonly int[] s_targets = [4, 8, 20];
    private readonly long[] _counts;

    private StreamReference(StreamKind kind, long[] counts, BinPartition[] partitions)
    {
        Kind = kind;
        _counts = counts;
        Partitions = partitions;
    }

    public StreamKind Kind { get; }

    /// <summary>Number of slots, at least one.</summary>
    public int Slots => _counts.Length;

    /// <summary>Number of reference values in all slots.</summary>
    public long Count => _counts.Sum();

    /// <summary>Numbers of bins of the partitions in use, coarsest first.</summary>
    public IReadOnlyList<int> Bins => [.. Partitions.Select(p => p.Bins)];

    internal BinPartition[] Partitions { get; }

    /// <summary>Whether the reference knows what is usual in this slot; one without slots says the same of all.</summary>
    public bool Covers(int slot) => Slots == 1 ? _counts[0] >= MinimumValues : (uint)slot < (uint)Slots && _counts[slot] >= MinimumValues;

    /// <summary>Reference values in the slot.</summary>
    public long CountOf(int slot) => _counts[slot];

    /// <summary>A reference of ordered numbers. NaN is missing: those values are left out (missingness is a stream of its own).</summary>
    /// <param name="values">Clean values, in any order.</param>
    /// <param name="slots">The slot of every value, 0 to <paramref name="slotCount"/> − 1; empty when there is one slot.</param>
    /// <param name="slotCount">Number of slots.</param>
    /// <exception cref="ArgumentException">No slot has <see cref="MinimumValues"/> values, or lengths or slots do not fit.</exception>
    public static StreamReference Numeric(ReadOnlySpan<double> values, ReadOnlySpan<int> slots = default, int slotCount = 1)
    {
        var sample = Collect(values, slots, slotCount, out var counts);
        var targets = Targets(counts);
        var partitions = new BinPartition[targets.Length];
        for (var i = 0; i < targets.Length; i++)
        {
            partitions[i] = CutNumbers(sample, counts, targets[i]);
        }

        return new StreamReference(StreamKind.Numeric, counts, partitions);
    }

    /// <summary>A reference of categories, given as codes; NaN is missing and left out.</summary>
    /// <param name="codes">Clean values, in any order.</param>
    /// <param name="slots">The slot of every value; empty when there is one slot.</param>
    /// <param name="slotCount">Number of slots.</param>
    /// <exception cref="ArgumentException">No slot has <see cref="MinimumValues"/> values, or lengths or slots do not fit.</exception>
    public static StreamReference Categorical(ReadOnlySpan<double> codes, ReadOnlySpan<int> slots = default, int slotCount = 1)
    {
        var sample = Collect(codes, slots, slotCount, out var counts);
        var targets = Targets(counts);
        var partitions = new BinPartition[targets.Length];
        for (var i = 0; i < targets.Length; i++)
        {
            partitions[i] = GroupCategories(sample, counts, targets[i]);
        }

        return new StreamReference(StreamKind.Categorical, counts, partitions);
    }

    /// <summary>Canonical bytes: equal references have equal bytes.</summary>
    public byte[] ToBytes()
    {
        var buffer = new ArrayBufferWriter<byte>();
        Save(new CanonicalWriter(buffer));
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Writes the canonical bytes.</summary>
    public void Save(CanonicalWriter writer)
    {
        writer.WriteByte(Version);
        writer.WriteByte((byte)Kind);
        writer.WriteCount(Slots);
        foreach (var count in _counts)
        {
            writer.WriteCount(count);
        }

        writer.WriteCount(Partitions.Length);
        foreach (var partition in Partitions)
        {
            partition.Save(writer);
        }
    }

    /// <summary>Reads canonical bytes.</summary>
    /// <exception cref="InvalidDataException">The bytes are truncated, malformed or of another version.</exception>
    public static StreamReference FromBytes(ReadOnlySpan<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        var result = Read(ref reader);
        reader.ExpectEnd();
        return result;
    }

    /// <inheritdoc cref="FromBytes"/>
    public static StreamReference Read(ref CanonicalReader reader)
    {
        var version = reader.ReadByte();
        if (version != Version)
        {
            throw new InvalidDataException($"stream reference of version {version}; this build reads version {Version}");
        }

        var kind = (StreamKind)reader.ReadByte();
        if (!Enum.IsDefined(kind))
        {
            throw new InvalidDataException($"stream kind {(int)kind}");
        }

        var counts = new long[reader.ReadLength(1)];
        for (var i = 0; i < counts.Length; i++)
        {
            counts[i] = reader.ReadCount();
        }

        var partitions = new BinPartition[reader.ReadLength(4)];
        if (partitions.Length == 0)
        {
            throw new InvalidDataException("a stream reference without bins");
        }

        for (var i = 0; i < partitions.Length; i++)
        {
            partitions[i] = BinPartition.Read(ref reader);
            if (partitions[i].Slots != counts.Length)
            {
                throw new InvalidDataException($"a partition of {partitions[i].Slots} slots in a reference of {counts.Length}");
            }
        }

        return new StreamReference(kind, counts, partitions);
    }

    /// <summary>The values that are present, sorted by value and tie-break, with their slots.</summary>
    private static ReferenceValue[] Collect(ReadOnlySpan<double> values, ReadOnlySpan<int> slots, int slotCount, out long[] counts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slotCount, 1);
        if (!slots.IsEmpty && slots.Length != values.Length)
        {
            throw new ArgumentException($"{slots.Length} slots for {values.Length} values", nameof(slots));
        }

        if (slots.IsEmpty && slotCount != 1)
        {
            throw new ArgumentException($"{slotCount} slots, but no value says which", nameof(slots));
        }

        counts = new long[slotCount];
        var sample = new List<ReferenceValue>(values.Length);
        for (var i = 0; i < values.Length; i++)
        {
            var slot = slots.IsEmpty ? 0 : slots[i];
            if ((uint)slot >= (uint)slotCount)
            {
                throw new ArgumentException($"slot {slot} of {slotCount}", nameof(slots));
            }

            if (!double.IsNaN(values[i]))
            {
                // Adding zero turns −0 into 0: they are one value and must compare so bit for bit.
                sample.Add(new ReferenceValue(values[i] + 0.0, Mixing.Mix((ulong)i), slot));
                counts[slot]++;
            }
        }

        if (counts.Max() < MinimumValues)
        {
            throw new ArgumentException($"{counts.Max()} reference values in the fullest slot; at least {MinimumValues} are needed", nameof(values));
        }

        var result = sample.ToArray();
        Array.Sort(result);
        return result;
    }

    /// <summary>k ≤ n/20 in the median covered slot: an urn of a thinner slot is weaker, not wrong.</summary>
    private static int[] Targets(long[] counts)
    {
        var covered = counts.Where(c => c >= MinimumValues).Order().ToArray();
        var typical = covered[covered.Length / 2];
        return [.. s_targets.Where(k => k * ValuesPerBin <= typical)];
    }

    private static BinPartition CutNumbers(ReferenceValue[] sample, long[] counts, int target)
    {
        var atoms = new List<double>();
        var atomCounts = new List<double[]>();
        var rest = new List<ReferenceValue>();
        foreach (var (start, length) in Runs(sample))
        {
            if (2L * target * length >= sample.Length)
            {
                atoms.Add(sample[start].Value);
                var perSlot = new double[counts.Length];
                foreach (var value in sample.AsSpan(start, length))
                {
                    perSlot[value.Slot]++;
                }

                atomCounts.Add(perSlot);
            }
            else
            {
                rest.AddRange(sample.AsSpan(start, length));
            }
        }

        var intervals = Math.Max(1, (int)Math.Round(target * (double)rest.Count / sample.Length, MidpointRounding.AwayFromZero));
        var bins = atoms.Count + intervals;
        var stride = BinPartition.StrideOf(bins);
        var cutValues = new double[counts.Length * (intervals - 1)];
        var cutTies = new ulong[cutValues.Length];
        var mass = new double[counts.Length * stride];
        for (var slot = 0; slot < counts.Length; slot++)
        {
            var inSlot = rest.Where(v => v.Slot == slot).ToList();

            // A slot with too few values between its atoms borrows the cuts of all slots together.
            var cutFrom = inSlot.Count >= 2 * intervals ? inSlot : rest;
            for (var j = 1; j < intervals; j++)
            {
                var cut = cutFrom[CutIndex(cutFrom.Count, intervals, j) - 1];
                cutValues[(slot * (intervals - 1)) + j - 1] = cut.Value;
                cutTies[(slot * (intervals - 1)) + j - 1] = cut.Tie;
            }

            if (counts[slot] < MinimumValues)
            {
                continue;
            }

            var row = mass.AsSpan(slot * stride, stride);
            for (var a = 0; a < atoms.Count; a++)
            {
                row[a] = 0.5 + atomCounts[a][slot];
            }

            for (var j = 0; j < intervals; j++)
            {
                row[atoms.Count + j] = cutFrom == inSlot && rest.Count > 0
                    ? CutIndex(inSlot.Count, intervals, j + 1) - CutIndex(inSlot.Count, intervals, j)
                    : 0.5;
            }

            if (cutFrom != inSlot)
            {
                foreach (var value in inSlot)
                {
                    var j = 0;
                    while (j < intervals - 1 && cutFrom[CutIndex(cutFrom.Count, intervals, j + 1) - 1].CompareTo(value) < 0)
                    {
                        j++;
                    }

                    row[atoms.Count + j]++;
                }
            }
        }

        return new BinPartition(target, atoms.Count, intervals, [.. atoms], [.. Enumerable.Range(0, atoms.Count)], cutValues, cutTies, mass);
    }

    /// <summary>Upper end of interval j (1-based) among count order statistics and count + 1 spacings; 0 for j = 0.</summary>
    private static int CutIndex(int count, int intervals, int j) => (int)((2L * (count + 1) * j + intervals) / (2L * intervals));

    private static BinPartition GroupCategories(ReferenceValue[] sample, long[] counts, int target)
    {
        var runs = Runs(sample);
        var once = runs.Count(r => r.Length == 1);
        var twice = runs.Count(r => r.Length == 2);
        var singletonWeight = once == 0 ? 1 : Math.Min(1, 2.0 * twice / once);
        var bins = 0;
        var values = new double[runs.Count];
        var valueBins = new int[runs.Count];
        for (var i = 0; i < runs.Count; i++)
        {
            values[i] = sample[runs[i].Start].Value;
            valueBins[i] = 2L * target * runs[i].Length >= sample.Length ? bins++ : -1;
        }

        var open = -1;
        var filled = 0L;
        for (var i = 0; i < runs.Count; i++)
        {
            if (valueBins[i] >= 0)
            {
                continue;
            }

            if (open < 0)
            {
                open = bins++;
                filled = 0;
            }

            valueBins[i] = open;
            filled += runs[i].Length;
            if (filled * target >= sample.Length)
            {
                open = -1;
            }
        }

        var stride = BinPartition.StrideOf(bins + 1);
        var mass = new double[counts.Length * stride];
        for (var slot = 0; slot < counts.Length; slot++)
        {
            if (counts[slot] < MinimumValues)
            {
                continue;
            }

            var row = mass.AsSpan(slot * stride, stride);
            row[..bins].Fill(0.5);
            row[bins] = 0.5 + ((double)once * counts[slot] / sample.Length);
        }

        for (var i = 0; i < runs.Count; i++)
        {
            var weight = runs[i].Length == 1 ? singletonWeight : 1;
            foreach (var value in sample.AsSpan(runs[i].Start, runs[i].Length))
            {
                if (counts[value.Slot] >= MinimumValues)
                {
                    mass[(value.Slot * stride) + valueBins[i]] += weight;
                }
            }
        }

        return new BinPartition(target, bins, 1, values, valueBins, [], [], mass);
    }

    /// <summary>Start and length of each run of equal values in the sorted sample.</summary>
    private static List<(int Start, int Length)> Runs(ReferenceValue[] sample)
    {
        var runs = new List<(int, int)>();
        var start = 0;
        for (var i = 1; i <= sample.Length; i++)
        {
            if (i == sample.Length || sample[i].Value != sample[start].Value)
            {
                runs.Add((start, i - start));
                start = i;
            }
        }

        return runs;
    }

    private readonly record struct ReferenceValue(double Value, ulong Tie, int Slot) : IComparable<ReferenceValue>
    {
        public int CompareTo(ReferenceValue other)
        {
            var byValue = Value.CompareTo(other.Value);
            return byValue != 0 ? byValue : Tie.CompareTo(other.Tie);
        }
    }
}
