using System.Text;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// One alarm of a monitor: variables combined into one evidence, with what people want to know about it — when it began, which events moved it, how
/// large the change is. Calibrated variables or bets, never both.
/// </summary>
internal sealed class EvidenceStream
{
    /// <summary>Weight of the newest draw in the running means that show the size of a change.</summary>
    private const double MeanWeight = 0.02;

    private const int Samples = 16;
    private const int FirstIdBytes = 40;
    private readonly StreamVariable[] _variables;
    private readonly GroupedEvidence? _grouped;
    private readonly BetEvidence? _bets;
    private readonly long _unitNano;
    private readonly double[] _values;
    private readonly double[] _contributions;
    private readonly double[] _means;
    private readonly int[] _indices;

    /// <summary>The last draws, in a ring. Their ids are kept as bytes in places of one size: references would make every id outlive its batch.</summary>
    private readonly double[] _sampleIncrements = new double[Samples];
    private readonly int[] _idLengths = new int[Samples];
    private byte[] _ids = new byte[Samples * FirstIdBytes];
    private int _sampleCount;
    private int _nextSample;
    private long _lastTime = long.MinValue;

    /// <param name="variables">Its variables; calibrated ones have a reference.</param>
    /// <param name="level">period/b in units.</param>
    /// <param name="unitNano">The unit, nanoseconds.</param>
    /// <param name="options">Constants of the evidence.</param>
    public EvidenceStream(IReadOnlyList<StreamVariable> variables, double level, long unitNano, EvidenceOptions options)
    {
        _variables = [.. variables];
        _indices = [.. _variables.Select(v => v.Index)];
        _unitNano = unitNano;
        _values = new double[_variables.Length];
        _contributions = new double[_variables.Length];
        _means = new double[_variables.Length];
        for (var i = 0; i < _means.Length; i++)
        {
            _means[i] = _variables[i].Profile.Mean;
        }

        level = Math.Max(level, 2);
        if (_variables[0].Variable.Type == VariableType.Bet)
        {
            _bets = new BetEvidence(_variables.Length, level, options.Window);
        }
        else
        {
            _grouped = new GroupedEvidence([.. _variables.Select(v => new EvidenceVariable(v.Variable.Name, v.Variable.Group, v.Profile.Reference!, v.Profile.Concentration))], level, options);
        }
    }

    public IReadOnlyList<StreamVariable> Variables => _variables;

    /// <summary>Index in the monitor of each of the <see cref="Variables"/>.</summary>
    public ReadOnlySpan<int> Indices => _indices;

    public double Value => _grouped?.Value ?? _bets!.Value;

    public double LogEvidence => Math.Log(Value);

    public double LogLevel => Math.Log(_grouped?.Level ?? _bets!.Level);

    public bool IsArmed => _grouped?.IsArmed ?? _bets!.IsArmed;

    /// <summary>Offset of the draw at which the present evidence began.</summary>
    public long SinceOffset => _grouped?.Since ?? _bets!.Since;

    public long UncoveredDraws => _grouped?.UncoveredDraws ?? 0;

    /// <summary>All draws.</summary>
    public long Draws { get; private set; }

    /// <summary>Draws when the evidence last restarted.</summary>
    public long DrawsAtRestart { get; private set; }

    /// <summary>Log time of the last draw.</summary>
    public long LastTime => _lastTime;

    /// <summary>Takes a row's values, in the order of <see cref="Variables"/>; NaN where there is none.</summary>
    public LatchEvent Draw(ReadOnlySpan<double> values, in RowInfo row, int slot)
    {
        var elapsed = _lastTime == long.MinValue ? 1 : Math.Max(0, row.TimeUnixNano - _lastTime) / (double)_unitNano;
        _lastTime = Math.Max(_lastTime, row.TimeUnixNano);
        values.CopyTo(_values);
        var seen = _grouped is not null
            ? _grouped.Update(values, row.EventHash, slot, elapsed, row.Offset, _contributions)
            : _bets!.Update(values, elapsed, row.Offset, _contributions);
        Draws++;
        var increment = double.NegativeInfinity;
        for (var i = 0; i < _values.Length; i++)
        {
            if (!double.IsNaN(values[i]))
            {
                increment = Math.Max(increment, _grouped is not null ? _grouped[i].LastIncrement : values[i]);
                if (double.IsFinite(values[i]) && double.IsFinite(_means[i]))
                {
                    _means[i] += MeanWeight * (values[i] - _means[i]);
                }
            }
        }

        AddSample(increment, row.EventId);
        return seen;
    }

    /// <summary>After the finding of an alarm was made.</summary>
    public void Restarted()
    {
        DrawsAtRestart = Draws;
        _sampleCount = 0;
    }

    /// <summary>A person closed the incident: armed at once, evidence from 0.</summary>
    public void Rearm()
    {
        _grouped?.Resolve();
        _bets?.Resolve();
        Restarted();
    }

    /// <summary>Shares of the evidence at the last draw, largest first, with the variable's index in the stream.</summary>
    public IEnumerable<(int Index, double Share)> Contributions() =>
        Enumerable.Range(0, _variables.Length).Select(i => (i, _contributions[i])).OrderByDescending(c => c.Item2).ThenBy(c => c.i);

    /// <summary>Last value of a variable.</summary>
    public double LastValue(int index) => _values[index];

    /// <summary>Mean of about the last fifty draws.</summary>
    public double RecentMean(int index) => _means[index];

    /// <summary>Ids of the draws that moved it most, the strongest first.</summary>
    public IEnumerable<string> SampleEventIds() =>
        OldestFirst().OrderByDescending(s => s.Increment).Select(s => s.EventId).Distinct(StringComparer.Ordinal);

    public void Save(CanonicalWriter writer)
    {
        writer.WriteSigned(_lastTime);
        writer.WriteCount(Draws);
        writer.WriteCount(DrawsAtRestart);
        writer.WriteDoubles(_means);
        writer.WriteCount(_sampleCount);
        for (var i = Samples - _sampleCount; i < Samples; i++)
        {
            var at = (_nextSample + i) % Samples;
            writer.WriteDouble(_sampleIncrements[at]);
            writer.WriteBytes(IdAt(at));
        }

        _grouped?.Save(writer);
        _bets?.Save(writer);
    }

    public void Restore(ref CanonicalReader reader)
    {
        _lastTime = reader.ReadSigned();
        Draws = reader.ReadCount();
        DrawsAtRestart = reader.ReadCount();
        var means = reader.ReadDoubles();
        if (means.Length != _means.Length)
        {
            throw new InvalidDataException($"evidence state of {means.Length} variables, {_means.Length} expected");
        }

        means.CopyTo(_means, 0);
        _sampleCount = 0;
        var count = reader.ReadLength(9);
        for (var i = 0; i < count; i++)
        {
            var increment = reader.ReadDouble();
            AddSample(increment, Encoding.UTF8.GetString(reader.ReadBytes()));
        }

        _grouped?.Restore(ref reader);
        _bets?.Restore(ref reader);
    }

    private void AddSample(double increment, string id)
    {
        int length;
        while (!Encoding.UTF8.TryGetBytes(id, _ids.AsSpan(_nextSample * IdBytes, IdBytes), out length))
        {
            Widen(Encoding.UTF8.GetByteCount(id));
        }

        _sampleIncrements[_nextSample] = increment;
        _idLengths[_nextSample] = length;
        _nextSample = (_nextSample + 1) % Samples;
        _sampleCount = Math.Min(_sampleCount + 1, Samples);
    }

    private IEnumerable<(double Increment, string EventId)> OldestFirst()
    {
        for (var i = Samples - _sampleCount; i < Samples; i++)
        {
            var at = (_nextSample + i) % Samples;
            yield return (_sampleIncrements[at], Encoding.UTF8.GetString(IdAt(at)));
        }
    }

    private int IdBytes => _ids.Length / Samples;

    private ReadOnlySpan<byte> IdAt(int sample) => _ids.AsSpan(sample * IdBytes, _idLengths[sample]);

    private void Widen(int idBytes)
    {
        var wider = new byte[Samples * idBytes];
        for (var sample = 0; sample < Samples; sample++)
        {
            IdAt(sample).CopyTo(wider.AsSpan(sample * idBytes));
        }

        _ids = wider;
    }
}

/// <summary>A variable in a stream.</summary>
/// <param name="Index">Index in the monitor.</param>
/// <param name="Variable">The variable.</param>
/// <param name="Profile">Its reference.</param>
internal sealed record StreamVariable(int Index, Variable Variable, VariableProfile Profile);
