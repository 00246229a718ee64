using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Monitoring.Statistics;

/// <summary>
/// Evidence that one stream no longer looks as its reference says (RUNTIME 2): a bank of Shiryaev–Roberts e-detectors,
/// one per pair of a partition (k = 4, 8, 20) and a forgetting factor λ, averaged.
/// <para>
/// Null: one Pólya urn per slot, π(k) = (m_k + n_k)/(M + t). Bet: q(k) = (c·m_k/M + w_k)/(c + Σw) on the bin within the
/// slot, w forgetting, shared by all slots. Increment r = q/π*, π* the reverse information projection of q on the
/// tolerance set around π. Accumulation in log time: SR ← r·(SR + Δt) (less what <see cref="EvidenceOptions.Horizon"/> forgets), so that E[SR] ≤ elapsed time while nothing has
/// changed beyond the tolerance, and an alarm at SR ≥ period/b happens at most b times per period on average. (With
/// δ = 0 and a continuous stream that is exact for every finite reference; that the tolerance set also covers the urn's own
/// uncertainty is not proved, only measured: docs/reference/budget.md.)
/// </para>
/// <para>
/// Time may be in any unit, the same as the period's. The unit recommended is the fitted mean time between draws: then
/// <see cref="LogEvidence"/> of a calm stream is near zero to a few nats whatever the traffic.
/// </para>
/// <para>
/// An update uses only +, −, ×, ÷ and comparisons in a fixed order (no logarithm: the SR values stay in linear scale and
/// saturate at 2^900), so state and evidence are the same bits on every machine. No allocation per draw. Not safe for
/// use by several threads at once.
/// </para>
/// </summary>
public sealed class EvidenceBank
{
    /// <summary>Where an SR value saturates: e^623, far beyond any level, far below overflow.</summary>
    private const double Saturation = 8.452712498170644e270;

    /// <summary>Weights below this are forgotten: they no longer matter to a sum near c, and subnormal numbers are slow.</summary>
    private const double Forgotten = 1e-100;

    private const byte Version = 1;
    private readonly StreamReference _reference;
    /// <summary>Partitions that do not cut alike; those that do (few categories, a flag) share one state, which is updated once.</summary>
    private readonly Part[] _distinct;

    /// <summary>Per partition of the reference its place in <see cref="_distinct"/>.</summary>
    private readonly int[] _partitions;

    /// <summary>
    /// The whole state: urns, bets and SR values of every partition, side by side, from <see cref="Part.At"/> on. Shared with the other banks of a monitor: of a thousand models the state of one is
    /// not in the cache when its events come, and memory that is read in its order comes sooner.
    /// </summary>
    private readonly double[] _state;
    private readonly double[] _forgetting;
    private readonly double _tolerance;
    private readonly double _below;
    private readonly double _above;
    private readonly double _prior;
    private readonly double _concentration;
    private readonly double _horizon;
    /// <summary>Scratch of one partition: v, u, (1 − δ)u and (1 + δ)u, each as long as the widest partition.</summary>
    private readonly double[] _scratch;
    private readonly int _widest;
    private double _value;

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public EvidenceBank(StreamReference reference, EvidenceOptions? options = null)
        : this(reference, options ?? new EvidenceOptions(), new double[Scratch(reference)], new double[StateSize(reference, options ?? new EvidenceOptions())], 0)
    {
    }

    /// <param name="reference">The reference.</param>
    /// <param name="options">Constants.</param>
    /// <param name="scratch">At least <see cref="Scratch"/> long; shared by banks that are updated one after the other, so that all of them find it in the cache.</param>
    /// <param name="state">Zeros; the bank's are <see cref="StateSize"/> from <paramref name="at"/> on.</param>
    /// <param name="at">Where its state begins.</param>
    internal EvidenceBank(StreamReference reference, EvidenceOptions options, double[] scratch, double[] state, int at)
    {
        options.Validate();
        _reference = reference;
        _forgetting = [.. options.Forgetting];
        _tolerance = options.Tolerance;
        _below = 1 - _tolerance;
        _above = 1 + _tolerance;
        _prior = options.PriorStrength;
        _concentration = options.Concentration ?? 0;
        _horizon = options.Horizon ?? double.PositiveInfinity;
        _partitions = Distinct(reference);
        _distinct = new Part[_partitions.Max() + 1];
        for (var d = 0; d < _distinct.Length; d++)
        {
            _distinct[d] = new Part(reference.Partitions[Array.IndexOf(_partitions, d)], at, _forgetting.Length);
            at += _distinct[d].Size;
        }

        _state = state;
        foreach (var part in _distinct)
        {
            part.Since(_state).Fill(-1);
        }

        _widest = reference.Partitions.Max(p => p.Stride);
        _scratch = scratch;
    }

    /// <summary>Doubles of the state of a bank.</summary>
    internal static int StateSize(StreamReference reference, EvidenceOptions options)
    {
        var distinct = Distinct(reference);
        return Enumerable.Range(0, distinct.Max() + 1).Sum(d => new Part(reference.Partitions[Array.IndexOf(distinct, d)], 0, options.Forgetting.Count).Size);
    }

    /// <summary>Doubles that an update needs for itself.</summary>
    internal static int Scratch(StreamReference reference) => 4 * reference.Partitions.Max(p => p.Stride);

    /// <summary>The averaged SR value, in units of time; 0 before the first draw. Compare it with period/b.</summary>
    public double Value => _value;

    /// <summary>
    /// The averaged CUSUM values, C ← r·max(C, Δt): the largest term of each SR sum instead of the sum, so never above
    /// <see cref="Value"/>. It stays near Δt while a stream is calm, where SR grows with time (a tolerated bet has r = 1 exactly
    /// and SR = elapsed time): what the re-arm rule looks at.
    /// </summary>
    public double Peak
    {
        get
        {
            var sum = 0.0;
            foreach (var partition in _partitions)
            {
                foreach (var cusum in _distinct[partition].Cusum(_state))
                {
                    sum += cusum;
                }
            }

            return sum / (_partitions.Length * _forgetting.Length);
        }
    }

    /// <summary>Natural logarithm of <see cref="Value"/>; −∞ before the first draw. For people: alarms compare the value itself.</summary>
    public double LogEvidence => Math.Log(Value);

    /// <summary>Position of the draw at which the evidence of the strongest pair began (its CUSUM last restarted); −1 before the first draw.</summary>
    public long Since
    {
        get
        {
            var best = -1.0;
            var since = -1L;
            foreach (var part in _distinct)
            {
                var sr = part.Sr(_state);
                for (var l = 0; l < sr.Length; l++)
                {
                    if (sr[l] > best)
                    {
                        best = sr[l];
                        since = part.Since(_state)[l];
                    }
                }
            }

            return since;
        }
    }

    /// <summary>Draws that were bet on.</summary>
    public long Draws { get; private set; }

    /// <summary>Draws in slots that the reference does not cover: nothing can be said of them, and the monitor is uncalibrated (RUNTIME 5).</summary>
    public long UncoveredDraws { get; private set; }

    /// <summary>The increment of the last draw averaged over the pairs as bets (not as SR values); 1 when nothing was bet. For diagnosis.</summary>
    public double LastIncrement { get; private set; } = 1;

    /// <summary>Takes one draw.</summary>
    /// <param name="value">The draw; NaN (missing) is no evidence: time passes, nothing is bet.</param>
    /// <param name="tie">A hash of the event's id; it breaks ties with cuts.</param>
    /// <param name="slot">The draw's slot; one that the reference does not cover is counted, and nothing is bet.</param>
    /// <param name="elapsed">Log time since the stream's last draw, ≥ 0.</param>
    /// <param name="position">The draw's position (offset, ordinal or log time), for <see cref="Since"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The elapsed time is negative or not finite.</exception>
    public void Update(double value, ulong tie, int slot, double elapsed, long position)
    {
        if (!(elapsed >= 0 && elapsed < double.PositiveInfinity))
        {
            throw new ArgumentOutOfRangeException(nameof(elapsed), elapsed, "log time never runs backwards");
        }

        if (double.IsNaN(value) || !_reference.Covers(slot))
        {
            if (!double.IsNaN(value))
            {
                UncoveredDraws++;
            }

            Pass(elapsed, position);
            return;
        }

        slot = _reference.Slots == 1 ? 0 : slot;
        tie = Mixing.Mix(tie);
        var kept = Kept(elapsed);
        foreach (ref readonly var part in _distinct.AsSpan())
        {
            Bet(part, part.Partition.BinOf(value, tie, slot), slot);
            part.Accumulate(_state, part.Increments(_state), kept, elapsed, position);
        }

        var increments = 0.0;
        foreach (var partition in _partitions)
        {
            foreach (var r in _distinct[partition].Increments(_state))
            {
                increments += r;
            }
        }

        Draws++;
        LastIncrement = increments / (_partitions.Length * _forgetting.Length);
        Measure();
    }

    /// <summary>Lets time pass without a bet (r = 1), so that a stream's evidence keeps pace with the clock.</summary>
    public void Pass(double elapsed, long position)
    {
        LastIncrement = 1;
        var kept = Kept(elapsed);
        foreach (ref readonly var part in _distinct.AsSpan())
        {
            part.Increments(_state).Fill(1);
            part.Accumulate(_state, part.Increments(_state), kept, elapsed, position);
        }

        Measure();
    }

    /// <summary>After an alarm: SR and "since" start again; urns, bets and counts stay (RUNTIME 3).</summary>
    public void Restart()
    {
        foreach (ref readonly var part in _distinct.AsSpan())
        {
            part.Sr(_state).Clear();
            part.Cusum(_state).Clear();
            part.Since(_state).Fill(-1);
        }

        _value = 0;
    }

    /// <summary>Writes the state (not the reference or the options) as canonical bytes.</summary>
    public void Save(IBufferWriter<byte> output) => Save(new CanonicalWriter(output));

    /// <inheritdoc cref="Save(IBufferWriter{byte})"/>
    public void Save(CanonicalWriter writer)
    {
        writer.WriteByte(Version);
        writer.WriteCount(Draws);
        writer.WriteCount(UncoveredDraws);
        writer.WriteCount(_partitions.Length);
        writer.WriteCount(_forgetting.Length);
        foreach (var partition in _partitions)
        {
            _distinct[partition].Save(_state, writer);
        }
    }

    /// <summary>Replaces the state by saved bytes of a bank with the same reference and options.</summary>
    /// <exception cref="InvalidDataException">The bytes are malformed or of a bank of another shape.</exception>
    public void Restore(ReadOnlySpan<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        Restore(ref reader);
        reader.ExpectEnd();
    }

    /// <inheritdoc cref="Restore(ReadOnlySpan{byte})"/>
    public void Restore(ref CanonicalReader reader)
    {
        var version = reader.ReadByte();
        if (version != Version)
        {
            throw new InvalidDataException($"evidence state of version {version}; this build reads version {Version}");
        }

        var draws = reader.ReadCount();
        var uncovered = reader.ReadCount();
        if (reader.ReadCount() != _partitions.Length || reader.ReadCount() != _forgetting.Length)
        {
            throw new InvalidDataException("evidence state of a bank with another reference or other options");
        }

        foreach (var partition in _partitions)
        {
            _distinct[partition].Restore(_state, ref reader);
        }

        Draws = draws;
        UncoveredDraws = uncovered;
        LastIncrement = 1;
        Measure();
    }

    /// <summary>q and π* of one pair for the draw after the present state, for tests of E[r | past] ≤ 1.</summary>
    internal void Increments(int partition, int forgetting, int slot, Span<double> increments, Span<double> nullShares)
    {
        var part = _distinct[_partitions[partition]];
        var stride = part.Partition.Stride;
        var mass = part.Partition.Mass(slot);
        var total = part.Partition.Total(slot);
        var scale = _concentration > 0 ? _concentration / total : 1.0;
        var urnTotal = (_concentration > 0 ? _concentration : total) + part.Totals(_state)[slot];
        var u = new double[stride];
        for (var i = 0; i < stride; i++)
        {
            u[i] = (mass[i] * scale) + part.Counts(_state)[(slot * stride) + i];
        }

        for (var bin = 0; bin < part.Partition.Bins; bin++)
        {
            nullShares[bin] = u[bin] / urnTotal;
            increments[bin] = Increment(mass, part.Weights(_state).Slice(forgetting * stride, stride), u, _prior / total, _prior + part.WeightTotals(_state)[forgetting], urnTotal, bin);
        }
    }

    private double Kept(double elapsed) => double.IsPositiveInfinity(_horizon) ? 1 : _horizon / (_horizon + elapsed);

    private void Measure()
    {
        var sum = 0.0;
        foreach (var partition in _partitions)
        {
            foreach (var sr in _distinct[partition].Sr(_state))
            {
                sum += sr;
            }
        }

        _value = sum / (_partitions.Length * _forgetting.Length);
    }

    /// <summary>r = q/π* at the bin: v/V ÷ clip(b·v, (1 − δ)u, (1 + δ)u)/U.</summary>
    private double Increment(ReadOnlySpan<double> mass, ReadOnlySpan<double> weights, ReadOnlySpan<double> u, double priorScale, double betTotal, double urnTotal, int bin)
    {
        if (_tolerance == 0)
        {
            return ((mass[bin] * priorScale) + weights[bin]) / betTotal * urnTotal / u[bin];
        }

        var v = new double[u.Length];
        for (var i = 0; i < v.Length; i++)
        {
            v[i] = (mass[i] * priorScale) + weights[i];
        }

        var b = ToleranceProjection.Solve(v, u, betTotal, urnTotal, _tolerance);
        var projected = Math.Min(Math.Max(b * v[bin], _below * u[bin]), _above * u[bin]);
        return v[bin] / betTotal * urnTotal / projected;
    }

    /// <summary>
    /// One draw of one partition: <see cref="Increment"/> of every λ into <see cref="Part.Increments"/>, then the bets forget and the urn takes the draw. One pass
    /// over the bins makes the urn and its bounds for all λ, and one per λ makes the bet, forgets, and takes the first step of the projection.
    /// </summary>
    private void Bet(in Part part, int bin, int slot)
    {
        var partition = part.Partition;
        var totals = part.Totals(_state);
        var weightTotals = part.WeightTotals(_state);
        var increments = part.Increments(_state);
        var stride = partition.Stride;
        var total = partition.Total(slot);
        ref var mass = ref MemoryMarshal.GetReference(partition.Mass(slot));
        ref var counts = ref part.Counts(_state)[slot * stride];
        ref var v = ref MemoryMarshal.GetArrayDataReference(_scratch);
        ref var u = ref Unsafe.Add(ref v, _widest);
        ref var low = ref Unsafe.Add(ref u, _widest);
        ref var high = ref Unsafe.Add(ref low, _widest);
        var scale = Vector256.Create(_concentration > 0 ? _concentration / total : 1.0);
        var below = Vector256.Create(_below);
        var above = Vector256.Create(_above);
        for (nuint i = 0; i < (nuint)stride; i += (nuint)Vector256<double>.Count)
        {
            var urn = (Vector256.LoadUnsafe(ref mass, i) * scale) + Vector256.LoadUnsafe(ref counts, i);
            urn.StoreUnsafe(ref u, i);
            (below * urn).StoreUnsafe(ref low, i);
            (above * urn).StoreUnsafe(ref high, i);
        }

        var urnTotal = (_concentration > 0 ? _concentration : total) + totals[slot];
        var priorScale = _prior / total;
        var prior = Vector256.Create(priorScale);
        var least = Vector256.Create(Forgotten);
        for (var l = 0; l < _forgetting.Length; l++)
        {
            ref var weights = ref part.Weights(_state)[l * stride];
            var betTotal = _prior + weightTotals[l];
            var factor = Vector256.Create(_forgetting[l]);
            if (_tolerance == 0)
            {
                increments[l] = ((Unsafe.Add(ref mass, bin) * priorScale) + Unsafe.Add(ref weights, bin)) / betTotal * urnTotal / Unsafe.Add(ref u, bin);
                for (nuint i = 0; i < (nuint)stride; i += (nuint)Vector256<double>.Count)
                {
                    Forget(Vector256.LoadUnsafe(ref weights, i), factor, least).StoreUnsafe(ref weights, i);
                }
            }
            else
            {
                var b = urnTotal / betTotal;
                var step = Vector256.Create(b);
                var clipped = Vector256<double>.Zero;
                var free = Vector256<double>.Zero;
                for (nuint i = 0; i < (nuint)stride; i += (nuint)Vector256<double>.Count)
                {
                    var w = Vector256.LoadUnsafe(ref weights, i);
                    var vi = (Vector256.LoadUnsafe(ref mass, i) * prior) + w;
                    vi.StoreUnsafe(ref v, i);
                    ToleranceProjection.Add(vi, step, Vector256.LoadUnsafe(ref low, i), Vector256.LoadUnsafe(ref high, i), ref clipped, ref free);
                    Forget(w, factor, least).StoreUnsafe(ref weights, i);
                }

                b = ToleranceProjection.Solve(
                    new ToleranceProjection.Bins(ref v, ref u, ref low, ref high, stride), b, ToleranceProjection.Sum(clipped), ToleranceProjection.Sum(free), urnTotal, _below, _above);
                var own = Unsafe.Add(ref v, bin);
                var projected = b * own;
                projected = projected > Unsafe.Add(ref low, bin) ? projected : Unsafe.Add(ref low, bin);
                projected = projected < Unsafe.Add(ref high, bin) ? projected : Unsafe.Add(ref high, bin);
                increments[l] = own / betTotal * urnTotal / projected;
            }

            Unsafe.Add(ref weights, bin)++;
            weightTotals[l] = (_forgetting[l] * weightTotals[l]) + 1;
        }

        Unsafe.Add(ref counts, bin)++;
        totals[slot]++;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Forget(Vector256<double> weights, Vector256<double> factor, Vector256<double> least)
    {
        var decayed = weights * factor;
        return Vector256.ConditionalSelect(Vector256.GreaterThan(decayed, least), decayed, Vector256<double>.Zero);
    }

    /// <summary>Per partition the first one that cuts as it does, numbered in the order of their appearance.</summary>
    private static int[] Distinct(StreamReference reference)
    {
        var distinct = new int[reference.Partitions.Length];
        var count = 0;
        for (var i = 0; i < distinct.Length; i++)
        {
            var known = Array.FindIndex(reference.Partitions, 0, i, p => p.CutsAs(reference.Partitions[i]));
            distinct[i] = known >= 0 ? distinct[known] : count++;
        }

        return distinct;
    }

    /// <summary>Where urns, bets and SR values of one partition lie in the state.</summary>
    private readonly struct Part(BinPartition partition, int at, int forgettings)
    {
        public BinPartition Partition { get; } = partition;

        /// <summary>First double of the partition.</summary>
        public int At { get; } = at;

        public int Size => (5 * forgettings) + Partition.Slots + ((Partition.Slots + forgettings) * Partition.Stride);

        public Span<double> Sr(double[] state) => state.AsSpan(At, forgettings);

        /// <summary>The greatest single term of each SR sum: r·max(previous, Δt); its restart is "since".</summary>
        public Span<double> Cusum(double[] state) => state.AsSpan(At + forgettings, forgettings);

        /// <summary>Positions, in the bits of doubles.</summary>
        public Span<long> Since(double[] state) => MemoryMarshal.Cast<double, long>(state.AsSpan(At + (2 * forgettings), forgettings));

        /// <summary>r of the last draw, λ by λ.</summary>
        public Span<double> Increments(double[] state) => state.AsSpan(At + (3 * forgettings), forgettings);

        /// <summary>Σw of every λ.</summary>
        public Span<double> WeightTotals(double[] state) => state.AsSpan(At + (4 * forgettings), forgettings);

        /// <summary>t of every slot.</summary>
        public Span<double> Totals(double[] state) => state.AsSpan(At + (5 * forgettings), Partition.Slots);

        /// <summary>w, λ by λ.</summary>
        public Span<double> Weights(double[] state) => state.AsSpan(At + (5 * forgettings) + Partition.Slots, forgettings * Partition.Stride);

        /// <summary>n, slot by slot, whole numbers.</summary>
        public Span<double> Counts(double[] state) => state.AsSpan(At + (5 * forgettings) + Partition.Slots + (forgettings * Partition.Stride), Partition.Slots * Partition.Stride);

        /// <summary>SR ← r·(kept·SR + Δt), and the CUSUM beside it.</summary>
        public void Accumulate(double[] state, ReadOnlySpan<double> increments, double kept, double elapsed, long position)
        {
            Span<double> srs = Sr(state), cusums = Cusum(state);
            var sinces = Since(state);
            for (var l = 0; l < increments.Length; l++)
            {
                var r = increments[l];
                var sr = r * ((srs[l] * kept) + elapsed);
                srs[l] = sr < Saturation ? sr : Saturation;
                var cusum = cusums[l];
                if (sinces[l] < 0 || elapsed > cusum)
                {
                    sinces[l] = position;
                    cusum = elapsed;
                }

                cusum = r * cusum;
                cusums[l] = cusum < Saturation ? cusum : Saturation;
            }
        }

        public void Save(double[] state, CanonicalWriter writer)
        {
            for (var slot = 0; slot < Partition.Slots; slot++)
            {
                writer.WriteCount((long)Totals(state)[slot]);
                if (Totals(state)[slot] > 0)
                {
                    foreach (var n in Counts(state).Slice(slot * Partition.Stride, Partition.Bins))
                    {
                        writer.WriteCount((long)n);
                    }
                }
            }

            for (var l = 0; l < forgettings; l++)
            {
                foreach (var w in Weights(state).Slice(l * Partition.Stride, Partition.Bins))
                {
                    writer.WriteDouble(w);
                }

                writer.WriteDouble(WeightTotals(state)[l]);
                writer.WriteDouble(Sr(state)[l]);
                writer.WriteDouble(Cusum(state)[l]);
                writer.WriteSigned(Since(state)[l]);
            }
        }

        public void Restore(double[] state, ref CanonicalReader reader)
        {
            for (var slot = 0; slot < Partition.Slots; slot++)
            {
                double total = reader.ReadCount();
                Totals(state)[slot] = total;
                var row = Counts(state).Slice(slot * Partition.Stride, Partition.Bins);
                row.Clear();
                var sum = 0.0;
                for (var bin = 0; bin < row.Length && total > 0; bin++)
                {
                    row[bin] = reader.ReadCount();
                    sum += row[bin];
                }

                if (sum != total)
                {
                    throw new InvalidDataException($"an urn of {total} draws holds {sum}");
                }
            }

            for (var l = 0; l < forgettings; l++)
            {
                for (var bin = 0; bin < Partition.Bins; bin++)
                {
                    Weights(state)[(l * Partition.Stride) + bin] = NonNegative(reader.ReadDouble());
                }

                WeightTotals(state)[l] = NonNegative(reader.ReadDouble());
                Sr(state)[l] = NonNegative(reader.ReadDouble());
                Cusum(state)[l] = NonNegative(reader.ReadDouble());
                Since(state)[l] = reader.ReadSigned();
            }
        }

        private static double NonNegative(double value) =>
            value >= 0 && double.IsFinite(value) ? value : throw new InvalidDataException($"{value} in an evidence state");
    }
}
