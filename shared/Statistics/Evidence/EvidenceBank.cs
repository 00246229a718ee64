using System.Buffers;
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
    private readonly PartitionState[] _partitions;
    private readonly double[] _forgetting;
    private readonly double _tolerance;
    private readonly double _prior;
    private readonly double _concentration;
    private readonly double _horizon;
    private readonly double[] _v;
    private readonly double[] _u;

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public EvidenceBank(StreamReference reference, EvidenceOptions? options = null)
    {
        options ??= new EvidenceOptions();
        options.Validate();
        _reference = reference;
        _forgetting = [.. options.Forgetting];
        _tolerance = options.Tolerance;
        _prior = options.PriorStrength;
        _concentration = options.Concentration ?? 0;
        _horizon = options.Horizon ?? double.PositiveInfinity;
        _partitions = [.. reference.Partitions.Select(p => new PartitionState(p, _forgetting.Length))];
        var widest = reference.Partitions.Max(p => p.Stride);
        _v = new double[widest];
        _u = new double[widest];
    }

    /// <summary>The averaged SR value, in units of time; 0 before the first draw. Compare it with period/b.</summary>
    public double Value
    {
        get
        {
            var sum = 0.0;
            foreach (var partition in _partitions)
            {
                foreach (var sr in partition.Sr)
                {
                    sum += sr;
                }
            }

            return sum / (_partitions.Length * _forgetting.Length);
        }
    }

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
                foreach (var cusum in partition.Cusum)
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
            foreach (var partition in _partitions)
            {
                for (var l = 0; l < _forgetting.Length; l++)
                {
                    if (partition.Sr[l] > best)
                    {
                        best = partition.Sr[l];
                        since = partition.Since[l];
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

        tie = Mixing.Mix(tie);
        var increments = 0.0;
        foreach (var state in _partitions)
        {
            var partition = state.Partition;
            var bin = partition.BinOf(value, tie, slot);
            var stride = partition.Stride;
            var mass = partition.Mass(slot);
            var total = partition.Total(slot);
            var scale = _concentration > 0 ? _concentration / total : 1.0;
            var counts = state.Counts.AsSpan(slot * stride, stride);
            var u = _u.AsSpan(0, stride);
            for (var i = 0; i < stride; i += Vector256<double>.Count)
            {
                ((Vector256.Create(mass[i..]) * scale) + Vector256.Create(counts[i..])).CopyTo(u[i..]);
            }

            var urnTotal = (_concentration > 0 ? _concentration : total) + state.Totals[slot];
            for (var l = 0; l < _forgetting.Length; l++)
            {
                var weights = state.Weights.AsSpan(l * stride, stride);
                var r = Increment(mass, weights, u, _prior / total, _prior + state.WeightTotals[l], urnTotal, bin);
                increments += r;
                Accumulate(state, l, r, elapsed, position);
                Forget(weights, _forgetting[l]);
                weights[bin]++;
                state.WeightTotals[l] = (_forgetting[l] * state.WeightTotals[l]) + 1;
            }

            counts[bin]++;
            state.Totals[slot]++;
        }

        Draws++;
        LastIncrement = increments / (_partitions.Length * _forgetting.Length);
    }

    /// <summary>Lets time pass without a bet (r = 1), so that a stream's evidence keeps pace with the clock.</summary>
    public void Pass(double elapsed, long position)
    {
        LastIncrement = 1;
        foreach (var state in _partitions)
        {
            for (var l = 0; l < _forgetting.Length; l++)
            {
                Accumulate(state, l, 1, elapsed, position);
            }
        }
    }

    /// <summary>After an alarm: SR and "since" start again; urns, bets and counts stay (RUNTIME 3).</summary>
    public void Restart()
    {
        foreach (var state in _partitions)
        {
            Array.Clear(state.Sr);
            Array.Clear(state.Cusum);
            Array.Fill(state.Since, -1);
        }
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
        foreach (var state in _partitions)
        {
            state.Save(writer);
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

        foreach (var state in _partitions)
        {
            state.Restore(ref reader);
        }

        Draws = draws;
        UncoveredDraws = uncovered;
        LastIncrement = 1;
    }

    /// <summary>q and π* of one pair for the draw after the present state, for tests of E[r | past] ≤ 1.</summary>
    internal void Increments(int partition, int forgetting, int slot, Span<double> increments, Span<double> nullShares)
    {
        var state = _partitions[partition];
        var stride = state.Partition.Stride;
        var mass = state.Partition.Mass(slot);
        var total = state.Partition.Total(slot);
        var scale = _concentration > 0 ? _concentration / total : 1.0;
        var urnTotal = (_concentration > 0 ? _concentration : total) + state.Totals[slot];
        var u = new double[stride];
        for (var i = 0; i < stride; i++)
        {
            u[i] = (mass[i] * scale) + state.Counts[(slot * stride) + i];
        }

        for (var bin = 0; bin < state.Partition.Bins; bin++)
        {
            nullShares[bin] = u[bin] / urnTotal;
            increments[bin] = Increment(mass, state.Weights.AsSpan(forgetting * stride, stride), u, _prior / total, _prior + state.WeightTotals[forgetting], urnTotal, bin);
        }
    }

    /// <summary>r = q/π* at the bin: v/V ÷ clip(b·v, (1 − δ)u, (1 + δ)u)/U.</summary>
    private double Increment(ReadOnlySpan<double> mass, ReadOnlySpan<double> weights, ReadOnlySpan<double> u, double priorScale, double betTotal, double urnTotal, int bin)
    {
        if (_tolerance == 0)
        {
            return ((mass[bin] * priorScale) + weights[bin]) / betTotal * urnTotal / u[bin];
        }

        var v = _v.AsSpan(0, u.Length);
        for (var i = 0; i < v.Length; i += Vector256<double>.Count)
        {
            ((Vector256.Create(mass[i..]) * priorScale) + Vector256.Create(weights[i..])).CopyTo(v[i..]);
        }

        var b = ToleranceProjection.Solve(v, u, betTotal, urnTotal, _tolerance);
        var projected = Math.Min(Math.Max(b * v[bin], (1 - _tolerance) * u[bin]), (1 + _tolerance) * u[bin]);
        return v[bin] / betTotal * urnTotal / projected;
    }

    private void Accumulate(PartitionState state, int l, double r, double elapsed, long position)
    {
        var kept = double.IsPositiveInfinity(_horizon) ? state.Sr[l] : state.Sr[l] * (_horizon / (_horizon + elapsed));
        state.Sr[l] = Math.Min(r * (kept + elapsed), Saturation);
        if (state.Since[l] < 0 || elapsed > state.Cusum[l])
        {
            state.Since[l] = position;
            state.Cusum[l] = Math.Min(r * elapsed, Saturation);
        }
        else
        {
            state.Cusum[l] = Math.Min(r * state.Cusum[l], Saturation);
        }
    }

    private static void Forget(Span<double> weights, double factor)
    {
        var scale = Vector256.Create(factor);
        var least = Vector256.Create(Forgotten);
        for (var i = 0; i < weights.Length; i += Vector256<double>.Count)
        {
            var decayed = Vector256.Create<double>(weights[i..]) * scale;
            Vector256.ConditionalSelect(Vector256.GreaterThan(decayed, least), decayed, Vector256<double>.Zero).CopyTo(weights[i..]);
        }
    }

    /// <summary>Urns, bets and SR values of one partition.</summary>
    private sealed class PartitionState(BinPartition partition, int forgettings)
    {
        public BinPartition Partition { get; } = partition;

        /// <summary>n, slot by slot, whole numbers.</summary>
        public double[] Counts { get; } = new double[partition.Slots * partition.Stride];

        /// <summary>t of every slot.</summary>
        public double[] Totals { get; } = new double[partition.Slots];

        /// <summary>w, λ by λ.</summary>
        public double[] Weights { get; } = new double[forgettings * partition.Stride];

        /// <summary>Σw of every λ.</summary>
        public double[] WeightTotals { get; } = new double[forgettings];

        public double[] Sr { get; } = new double[forgettings];

        /// <summary>The greatest single term of each SR sum: r·max(previous, Δt); its restart is "since".</summary>
        public double[] Cusum { get; } = new double[forgettings];

        public long[] Since { get; } = [.. Enumerable.Repeat(-1L, forgettings)];

        public void Save(CanonicalWriter writer)
        {
            for (var slot = 0; slot < Partition.Slots; slot++)
            {
                writer.WriteCount((long)Totals[slot]);
                if (Totals[slot] > 0)
                {
                    foreach (var n in Counts.AsSpan(slot * Partition.Stride, Partition.Bins))
                    {
                        writer.WriteCount((long)n);
                    }
                }
            }

            for (var l = 0; l < Sr.Length; l++)
            {
                foreach (var w in Weights.AsSpan(l * Partition.Stride, Partition.Bins))
                {
                    writer.WriteDouble(w);
                }

                writer.WriteDouble(WeightTotals[l]);
                writer.WriteDouble(Sr[l]);
                writer.WriteDouble(Cusum[l]);
                writer.WriteSigned(Since[l]);
            }
        }

        public void Restore(ref CanonicalReader reader)
        {
            for (var slot = 0; slot < Partition.Slots; slot++)
            {
                Totals[slot] = reader.ReadCount();
                var row = Counts.AsSpan(slot * Partition.Stride, Partition.Bins);
                row.Clear();
                var sum = 0.0;
                for (var bin = 0; bin < row.Length && Totals[slot] > 0; bin++)
                {
                    row[bin] = reader.ReadCount();
                    sum += row[bin];
                }

                if (sum != Totals[slot])
                {
                    throw new InvalidDataException($"an urn of {Totals[slot]} draws holds {sum}");
                }
            }

            for (var l = 0; l < Sr.Length; l++)
            {
                for (var bin = 0; bin < Partition.Bins; bin++)
                {
                    Weights[(l * Partition.Stride) + bin] = NonNegative(reader.ReadDouble());
                }

                WeightTotals[l] = NonNegative(reader.ReadDouble());
                Sr[l] = NonNegative(reader.ReadDouble());
                Cusum[l] = NonNegative(reader.ReadDouble());
                Since[l] = reader.ReadSigned();
            }
        }

        private static double NonNegative(double value) =>
            value >= 0 && double.IsFinite(value) ? value : throw new InvalidDataException($"{value} in an evidence state");
    }
}
