using System.Buffers;

namespace Monitoring.Statistics;

/// <summary>
/// The evidence of one monitor over all its variables (RUNTIME 2, "Combine"): Σ_g w_g · mean over the group's variables of
/// their SR values. A weighted mean of e-detectors is one under any dependence between them, so the monitor keeps its
/// budget however its variables hang together. Groups of any size weigh alike unless weights are given (49 block means must
/// not drown one predicted class).
/// </summary>
public sealed class GroupedEvidence
{
    private const byte Version = 1;
    private readonly EvidenceVariable[] _variables;
    private readonly EvidenceBank[] _banks;
    private readonly double[] _weights;
    private readonly AlarmLatch _latch;

    /// <param name="variables">The variables, at least one; their order is the order of the values of a draw.</param>
    /// <param name="level">period/b in units of the mean time between draws.</param>
    /// <param name="options">Constants of the banks; a horizon that is not given is chosen for the level.</param>
    /// <param name="groupWeights">Positive weights by group; a group not named weighs 1. They are normalised.</param>
    /// <exception cref="ArgumentException">No variables, or a weight that is not positive.</exception>
    public GroupedEvidence(IReadOnlyList<EvidenceVariable> variables, double level, EvidenceOptions? options = null, IReadOnlyDictionary<string, double>? groupWeights = null)
    {
        if (variables.Count == 0)
        {
            throw new ArgumentException("a monitor needs at least one variable", nameof(variables));
        }

        options = (options ?? new EvidenceOptions()).ForLevel(level);
        _variables = [.. variables];
        var scratch = new double[variables.Max(v => EvidenceBank.Scratch(v.Reference))];

        // The state of all variables lies side by side, in the order in which a draw goes by.
        var places = _variables.Select(v => EvidenceBank.StateSize(v.Reference, options)).ToArray();
        var state = new double[places.Sum()];
        var at = 0;
        _banks = new EvidenceBank[_variables.Length];
        for (var i = 0; i < _banks.Length; i++)
        {
            var concentration = _variables[i].Concentration;
            _banks[i] = new EvidenceBank(_variables[i].Reference, concentration is null ? options : options with { Concentration = concentration }, scratch, state, at);
            at += places[i];
        }

        _latch = new AlarmLatch(level, options.Window);
        var sizes = variables.CountBy(v => v.Group, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        var weights = sizes.ToDictionary(g => g.Key, g => groupWeights?.GetValueOrDefault(g.Key, 1) ?? 1, StringComparer.Ordinal);
        if (weights.Any(w => !(w.Value > 0 && double.IsFinite(w.Value))))
        {
            throw new ArgumentException("weights of groups must be positive", nameof(groupWeights));
        }

        // Summed in the order of the variables: a dictionary's order is nobody's promise.
        var total = variables.Sum(v => weights[v.Group] / sizes[v.Group]);
        _weights = [.. variables.Select(v => weights[v.Group] / sizes[v.Group] / total)];
    }

    /// <summary>Number of variables; a draw has as many values.</summary>
    public int Count => _banks.Length;

    /// <summary>The level in units of the mean time between draws.</summary>
    public double Level => _latch.Level;

    /// <summary>Whether the next crossing of the level is an alarm.</summary>
    public bool IsArmed => _latch.IsArmed;

    /// <summary>Draws still to stay calm until it re-arms; 0 when armed.</summary>
    public long CalmDrawsMissing => _latch.CalmDrawsMissing;

    /// <summary>The weighted mean of the SR values after the last draw; on an alarm the value that caused it, until the next draw.</summary>
    public double Value { get; private set; }

    /// <summary>Natural logarithm of <see cref="Value"/>.</summary>
    public double LogEvidence => Math.Log(Value);

    /// <summary>Position at which the evidence of the strongest variable began; kept with <see cref="Value"/>.</summary>
    public long Since { get; private set; } = -1;

    /// <summary>Draws so far.</summary>
    public long Draws { get; private set; }

    /// <summary>Draws in slots that the reference does not cover: where it is not 0 the monitor is uncalibrated.</summary>
    public long UncoveredDraws => _banks.Max(b => b.UncoveredDraws);

    /// <summary>The evidence of one variable.</summary>
    public EvidenceBank this[int variable] => _banks[variable];

    /// <summary>Takes one draw of all variables, and restarts the SR values when the level is reached.</summary>
    /// <param name="values">One value per variable; NaN where it is missing.</param>
    /// <param name="tie">Hash of the event's id.</param>
    /// <param name="slot">The draw's slot.</param>
    /// <param name="elapsed">Log time since the last draw in units of the mean time between draws, ≥ 0.</param>
    /// <param name="position">Position for "since".</param>
    /// <param name="contributions">Filled when the level is reached, before the restart, when not empty: each variable's share of the evidence (see <see cref="Contributions"/>).</param>
    public LatchEvent Update(ReadOnlySpan<double> values, ulong tie, int slot, double elapsed, long position, Span<double> contributions = default)
    {
        if (values.Length != _banks.Length)
        {
            throw new ArgumentException($"{values.Length} values for {_banks.Length} variables", nameof(values));
        }

        for (var i = 0; i < _banks.Length; i++)
        {
            // Another tie-break for every variable: one unlucky event id must not tip all of them the same way.
            _banks[i].Update(values[i], tie + (ulong)i, slot, elapsed, position);
        }

        Draws++;
        Measure();
        if (!contributions.IsEmpty && Value >= _latch.Level)
        {
            for (var i = 0; i < _banks.Length; i++)
            {
                contributions[i] = _weights[i] * _banks[i].Value / Value;
            }
        }

        var peak = 0.0;
        if (!_latch.IsArmed)
        {
            for (var i = 0; i < _banks.Length; i++)
            {
                peak += _weights[i] * _banks[i].Peak;
            }
        }

        var seen = _latch.Observe(Value, peak);
        if (seen is LatchEvent.Alarm or LatchEvent.StillAlarmed)
        {
            foreach (var bank in _banks)
            {
                bank.Restart();
            }
        }

        return seen;
    }

    /// <summary>The variables by their part in the present evidence, largest first. After a restart all shares are 0: take them from <see cref="Update"/>.</summary>
    public IReadOnlyList<EvidenceContribution> Contributions()
    {
        var sum = 0.0;
        for (var i = 0; i < _banks.Length; i++)
        {
            sum += _weights[i] * _banks[i].Value;
        }

        return
        [
            .. Enumerable.Range(0, _banks.Length)
                .Select(i => new EvidenceContribution(_variables[i].Name, sum > 0 ? _weights[i] * _banks[i].Value / sum : 0, _banks[i].LogEvidence, _banks[i].Since))
                .OrderByDescending(c => c.Share),
        ];
    }

    /// <summary>A person resolved the alarm: armed at once, evidence from 0.</summary>
    public void Resolve()
    {
        _latch.Resolve();
        foreach (var bank in _banks)
        {
            bank.Restart();
        }

        Measure();
    }

    /// <summary>Writes the state (not references, level and options) as canonical bytes.</summary>
    public void Save(IBufferWriter<byte> output) => Save(new CanonicalWriter(output));

    /// <inheritdoc cref="Save(IBufferWriter{byte})"/>
    public void Save(CanonicalWriter writer)
    {
        writer.WriteByte(Version);
        writer.WriteCount(Draws);
        writer.WriteDouble(Value);
        writer.WriteSigned(Since);
        _latch.Save(writer);
        writer.WriteCount(_banks.Length);
        foreach (var bank in _banks)
        {
            bank.Save(writer);
        }
    }

    /// <summary>Replaces the state by what <see cref="Save(IBufferWriter{byte})"/> wrote.</summary>
    /// <exception cref="InvalidDataException">The bytes are malformed or of another set of variables.</exception>
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

        Draws = reader.ReadCount();
        Value = reader.ReadDouble();
        Since = reader.ReadSigned();
        _latch.Restore(ref reader);
        var count = reader.ReadCount();
        if (count != _banks.Length)
        {
            throw new InvalidDataException($"evidence state of {count} variables, {_banks.Length} expected");
        }

        foreach (var bank in _banks)
        {
            bank.Restore(ref reader);
        }
    }

    private void Measure()
    {
        var sum = 0.0;
        var best = -1.0;
        var strongest = -1;
        for (var i = 0; i < _banks.Length; i++)
        {
            var part = _weights[i] * _banks[i].Value;
            sum += part;
            if (part > best)
            {
                best = part;
                strongest = i;
            }
        }

        Since = strongest >= 0 ? _banks[strongest].Since : Since;
        Value = sum;
    }
}
