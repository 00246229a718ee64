namespace Monitoring.Statistics;

/// <summary>
/// One way to cut a stream's values into about k bins of equal reference mass (RUNTIME 2, "Bins"), and the Dirichlet
/// parameters m of every slot (reference/algorithms.md d.9.1). Bins are numbered: own values first (atoms, categories,
/// groups of rare categories), then the intervals; a categorical partition has one interval, "unseen".
/// </summary>
internal sealed class BinPartition
{
    private readonly double[] _values;
    private readonly int[] _valueBins;
    private readonly double[] _cutValues;
    private readonly ulong[] _cutTies;
    private readonly double[] _mass;
    private readonly double[] _totals;

    /// <param name="target">The k that was asked for: 4, 8 or 20.</param>
    /// <param name="ownBins">Number of bins that consist of listed values.</param>
    /// <param name="intervals">Number of intervals, at least one.</param>
    /// <param name="values">Distinct listed values, ascending.</param>
    /// <param name="valueBins">Bin of each listed value.</param>
    /// <param name="cutValues">Slot by slot, the intervals − 1 upper ends.</param>
    /// <param name="cutTies">Slot by slot, the random tie-breaks of the upper ends.</param>
    /// <param name="mass">Slot by slot, m of every bin; rows are <see cref="Stride"/> long, padded with zeros. A slot without reference has only zeros.</param>
    public BinPartition(int target, int ownBins, int intervals, double[] values, int[] valueBins, double[] cutValues, ulong[] cutTies, double[] mass)
    {
        Target = target;
        OwnBins = ownBins;
        Intervals = intervals;
        _values = values;
        _valueBins = valueBins;
        _cutValues = cutValues;
        _cutTies = cutTies;
        _mass = mass;
        Slots = mass.Length / Stride;
        _totals = new double[Slots];
        for (var slot = 0; slot < Slots; slot++)
        {
            var total = 0.0;
            foreach (var m in Mass(slot))
            {
                total += m;
            }

            _totals[slot] = total;
        }
    }

    public int Target { get; }

    public int OwnBins { get; }

    public int Intervals { get; }

    public int Slots { get; }

    public int Bins => OwnBins + Intervals;

    /// <summary>Bins rounded up to a multiple of four, so that a row is whole vectors.</summary>
    public int Stride => StrideOf(Bins);

    public static int StrideOf(int bins) => (bins + 3) & ~3;

    /// <summary>m of every bin of the slot, padded with zeros.</summary>
    public ReadOnlySpan<double> Mass(int slot) => _mass.AsSpan(slot * Stride, Stride);

    /// <summary>M, the sum of m over the slot's bins; 0 where the slot has no reference.</summary>
    public double Total(int slot) => _totals[slot];

    /// <summary>Whether the other partition has the same bins and masses, so that streams of both are one; the k that was asked for does not matter.</summary>
    public bool CutsAs(BinPartition other) =>
        OwnBins == other.OwnBins && Intervals == other.Intervals
        && _values.AsSpan().SequenceEqual(other._values) && _valueBins.AsSpan().SequenceEqual(other._valueBins)
        && _cutValues.AsSpan().SequenceEqual(other._cutValues) && _cutTies.AsSpan().SequenceEqual(other._cutTies)
        && _mass.AsSpan().SequenceEqual(other._mass);

    /// <summary>Bin of a value within its slot; ties with a cut are decided by <paramref name="tie"/>, uniform on 64 bits.</summary>
    public int BinOf(double value, ulong tie, int slot)
    {
        var low = 0;
        var high = _values.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_values[middle] < value)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        if (low < _values.Length && _values[low] == value)
        {
            return _valueBins[low];
        }

        var first = slot * (Intervals - 1);
        low = 0;
        high = Intervals - 1;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            var cut = _cutValues[first + middle];
            if (cut < value || (cut == value && _cutTies[first + middle] < tie))
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return OwnBins + low;
    }

    public void Save(CanonicalWriter writer)
    {
        writer.WriteCount(Target);
        writer.WriteCount(OwnBins);
        writer.WriteCount(Intervals);
        writer.WriteCount(Slots);
        writer.WriteDoubles(_values);
        foreach (var bin in _valueBins)
        {
            writer.WriteCount(bin);
        }

        for (var i = 0; i < _cutValues.Length; i++)
        {
            writer.WriteDouble(_cutValues[i]);
            writer.WriteUInt64(_cutTies[i]);
        }

        for (var slot = 0; slot < Slots; slot++)
        {
            foreach (var m in Mass(slot)[..Bins])
            {
                writer.WriteDouble(m);
            }
        }
    }

    public static BinPartition Read(ref CanonicalReader reader)
    {
        var target = (int)reader.ReadCount();
        var own = reader.ReadLength(1);
        var intervals = reader.ReadLength(1);
        var slots = reader.ReadLength(1);
        if (intervals < 1 || slots < 1 || (long)slots * (own + intervals) * sizeof(double) > reader.Remaining)
        {
            throw new InvalidDataException($"{slots} slots of {own} + {intervals} bins do not fit into {reader.Remaining} bytes");
        }

        var values = reader.ReadDoubles();
        var valueBins = new int[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var bin = reader.ReadCount();
            valueBins[i] = bin < own ? (int)bin : throw new InvalidDataException($"bin {bin} of {own}");
        }

        var cuts = new double[slots * (intervals - 1)];
        var ties = new ulong[cuts.Length];
        for (var i = 0; i < cuts.Length; i++)
        {
            cuts[i] = reader.ReadDouble();
            ties[i] = reader.ReadUInt64();
        }

        var bins = own + intervals;
        var mass = new double[slots * StrideOf(bins)];
        for (var slot = 0; slot < slots; slot++)
        {
            for (var bin = 0; bin < bins; bin++)
            {
                var m = reader.ReadDouble();
                mass[(slot * StrideOf(bins)) + bin] = m >= 0 && double.IsFinite(m) ? m : throw new InvalidDataException($"{m} as a bin's mass");
            }
        }

        return new BinPartition(target, own, intervals, values, valueBins, cuts, ties, mass);
    }
}
