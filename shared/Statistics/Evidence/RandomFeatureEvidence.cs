namespace Monitoring.Statistics;

/// <summary>
/// Betting two-sample evidence in the space of random Fourier features (Shekhar and Ramdas, IEEE T. Inf. Theory 2023;
/// Rahimi and Recht 2007; reference/algorithms.md d.9.4): pairs of a reference draw X and a stream draw Y, witness g ∝ z̄_X − z̄_Y from
/// the past with |g| ≤ ½, K ← K·(1 + λ(g(X) − g(Y))) with λ by Online Newton Step. While X and Y come from one distribution
/// K is a martingale from 1, and with <c>detectChange</c> SR ← r·(SR + Δt) an e-detector. The MMD of a window in its
/// sequential form; never multiply window p-values instead (d.9.2).
/// <para>
/// The means forget with λ = 0.998 so that a late change is seen. Reference draws are replayed from the profile in a seeded order without
/// replacement, then again: valid while the stream is short against the profile, else as good as the profile is.
/// </para>
/// </summary>
public sealed class RandomFeatureEvidence
{
    private const double Forgetting = 0.998;
    private const byte Version = 1;
    private readonly double[] _frequencies;
    private readonly double[] _phases;
    private readonly double[] _referenceMean;
    private readonly double[] _streamMean;
    private readonly double[] _zx;
    private readonly double[] _zy;
    private readonly bool _detectChange;
    private double _bet;
    private double _curvature = 1;
    private double _value;
    private long _pairs;

    /// <param name="dimension">Numbers per draw.</param>
    /// <param name="features">D, the number of features, 64 or more.</param>
    /// <param name="bandwidth">σ of the RBF kernel exp(−‖x − y‖²/(2σ²)); the median distance of reference pairs is usual.</param>
    /// <param name="seed">Seed of the features; part of the profile.</param>
    /// <param name="detectChange">True: SR; false: an e-process from 1.</param>
    public RandomFeatureEvidence(int dimension, int features, double bandwidth, ulong seed, bool detectChange = true)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimension, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(features, 64);
        if (!(bandwidth > 0 && double.IsFinite(bandwidth)))
        {
            throw new ArgumentOutOfRangeException(nameof(bandwidth), bandwidth, "a bandwidth is positive");
        }

        Dimension = dimension;
        _frequencies = new double[dimension * features];
        _phases = new double[features];
        for (var i = 0; i < _frequencies.Length; i++)
        {
            // Box and Muller from two hashes of the position: the same features everywhere.
            var radius = Math.Sqrt(-2 * Math.Log(1 - Mixing.Uniform(seed + (2 * (ulong)i))));
            _frequencies[i] = radius * Math.Cos(2 * Math.PI * Mixing.Uniform(seed + (2 * (ulong)i) + 1)) / bandwidth;
        }

        for (var i = 0; i < features; i++)
        {
            _phases[i] = 2 * Math.PI * Mixing.Uniform(~seed + (ulong)i);
        }

        _referenceMean = new double[features];
        _streamMean = new double[features];
        _zx = new double[features];
        _zy = new double[features];
        _detectChange = detectChange;
        _value = detectChange ? 0 : 1;
    }

    /// <summary>Numbers per draw.</summary>
    public int Dimension { get; }

    /// <summary>K or SR.</summary>
    public double Value => _value;

    /// <summary>Natural logarithm of <see cref="Value"/>.</summary>
    public double LogEvidence => Math.Log(_value);

    /// <summary>Pairs so far.</summary>
    public long Pairs => _pairs;

    /// <summary>Takes a pair.</summary>
    /// <param name="reference">X, the next reference draw.</param>
    /// <param name="stream">Y, the stream's draw.</param>
    /// <param name="elapsed">Log time since the last draw; not used by the e-process.</param>
    public void Update(ReadOnlySpan<double> reference, ReadOnlySpan<double> stream, double elapsed)
    {
        Features(reference, _zx);
        Features(stream, _zy);
        double gx = 0, gy = 0, length = 0;
        for (var i = 0; i < _zx.Length; i++)
        {
            var witness = _referenceMean[i] - _streamMean[i];
            gx += witness * _zx[i];
            gy += witness * _zy[i];
            length += witness * witness;
        }

        // ‖z‖ ≤ √2, so dividing by 2√2·‖witness‖ keeps |g| ≤ ½.
        var scale = length > 0 ? 1 / (2 * Math.Sqrt(2 * length)) : 0;
        var payoff = (gx - gy) * scale;
        var r = 1 + (_bet * payoff);
        _value = Math.Min((_detectChange ? _value + elapsed : _value) * r, 1e270);

        // Online Newton Step on −ln(1 + λ·payoff), λ in [0, ½] (Cutkosky and Orabona 2018); the curvature forgets too, or the
        // bet would be numb after a long calm.
        var gradient = payoff / r;
        _curvature = (Forgetting * _curvature) + (1 - Forgetting) + (gradient * gradient);
        _bet = Math.Clamp(_bet + (2 / (2 - Math.Log(3)) * gradient / _curvature), 0, 0.5);
        for (var i = 0; i < _zx.Length; i++)
        {
            _referenceMean[i] += (1 - Forgetting) * (_zx[i] - _referenceMean[i]);
            _streamMean[i] += (1 - Forgetting) * (_zy[i] - _streamMean[i]);
        }

        _pairs++;
    }

    /// <summary>After an alarm: the value starts again, means and bet stay.</summary>
    public void Restart() => _value = _detectChange ? 0 : 1;

    public void Save(CanonicalWriter writer)
    {
        writer.WriteByte(Version);
        writer.WriteCount(_pairs);
        writer.WriteDouble(_value);
        writer.WriteDouble(_bet);
        writer.WriteDouble(_curvature);
        writer.WriteDoubles(_referenceMean);
        writer.WriteDoubles(_streamMean);
    }

    public void Restore(ref CanonicalReader reader)
    {
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("random-feature evidence of another version");
        }

        _pairs = reader.ReadCount();
        _value = reader.ReadDouble();
        _bet = reader.ReadDouble();
        _curvature = reader.ReadDouble();
        foreach (var mean in new[] { _referenceMean, _streamMean })
        {
            var saved = reader.ReadDoubles();
            if (saved.Length != mean.Length)
            {
                throw new InvalidDataException($"{saved.Length} features saved, {mean.Length} expected");
            }

            saved.CopyTo(mean, 0);
        }
    }

    /// <summary>z(x) = √(2/D)·cos(Wx + b): ⟨z(x), z(y)⟩ ≈ k(x, y).</summary>
    private void Features(ReadOnlySpan<double> x, double[] z)
    {
        if (x.Length != Dimension)
        {
            throw new ArgumentException($"{x.Length} numbers for {Dimension} dimensions");
        }

        var amplitude = Math.Sqrt(2.0 / z.Length);
        for (var i = 0; i < z.Length; i++)
        {
            var sum = _phases[i];
            var row = _frequencies.AsSpan(i * Dimension, Dimension);
            for (var j = 0; j < row.Length; j++)
            {
                sum += row[j] * x[j];
            }

            z[i] = amplitude * Math.Cos(sum);
        }
    }
}
