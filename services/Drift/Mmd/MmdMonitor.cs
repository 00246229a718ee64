using System.Buffers;
using System.Numerics.Tensors;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>
/// Windows tested by permutation, for people; evidence by betting in random-feature space (Shekhar and Ramdas 2023). A
/// closed window gives the direction w from the mean embedding of one part of the reference to that of recent windows; the
/// witness g(x) = tanh((w·z(x) − m)/2s) is centred and scaled on the other, held-out part. Each row of the next window pays
/// h = g(x) − mean g − ε_t and the wealth grows by 1 + λh, where ε_t = sd(g)·√(2 ln(π²t²/6δ)/n), δ = 1 %, bounds how far the
/// held-out mean can lie from its population's in the direction of the t-th window, which the held-out rows had no part in
/// choosing: E[1 + λh] ≤ 1 while nothing has changed, in all windows together with probability about 1 − δ over the reference.
/// </summary>
internal sealed class MmdMonitor : IWindowedMonitor, IMonitorState
{
    private const int SmallestWindow = 20;
    private const double Confidence = 0.01;

    // |h| < 3, so wealth factors stay above zero. The smallest bet makes the wealth shrink while nothing happens.
    private const double LargestBet = 0.3;
    private const double SmallestBet = 0.02;
    private const double FirstBet = 0.05;
    private const double PayoffMemory = 0.99;

    // A window weighs half of the next one.
    private const double Memory = 0.5;
    private readonly RowEncoder _encoder;
    private readonly FourierFeatures _features;
    private readonly MmdPermutationTest _test;
    private readonly MmdOptions _options;
    private readonly ulong _seed;
    private readonly double[] _mean;
    private readonly float[] _heldOut;
    private readonly int _heldOutRows;
    private readonly float[] _rows;
    private readonly double[] _windowSum;
    private readonly double[] _recent;
    private readonly double[] _witness;
    private int _count;
    private double _recentCount;
    private double _offset;
    private double _centre;
    private double _spread = 1;
    private bool _betting;
    private double _payoffMean;
    private double _payoffSquare;
    private double _payoffs;
    private long _windows;
    private bool _dirty;
    private WindowOutcome? _last;

    public MmdMonitor(RowEncoder encoder, FourierFeatures features, double[] meanEmbedding, float[] heldOutEmbeddings, MmdPermutationTest test, MmdOptions options, ulong seed)
    {
        _encoder = encoder;
        _features = features;
        _test = test;
        _options = options;
        _seed = seed;
        _mean = meanEmbedding;
        _heldOut = heldOutEmbeddings;
        _heldOutRows = heldOutEmbeddings.Length / features.Count;
        _rows = new float[options.Window * encoder.Columns];
        _windowSum = new double[features.Count];
        _recent = new double[features.Count];
        _witness = new double[features.Count];
    }

    public IReadOnlyList<Variable> Variables { get; } = [new Variable("embedding") { Type = VariableType.Bet }];

    public Action<WindowOutcome>? WindowClosed { get; set; }

    public IMonitorState State => this;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
    {
        // Per row: the encoded row, then its features.
        int width = _encoder.Columns, features = _features.Count;
        var encoded = _encoder.Encode(rows);
        var scores = new MonitorScores(rows.Count, width + features);
        for (var r = 0; r < rows.Count; r++)
        {
            var row = scores.Row(r);
            for (var c = 0; c < width; c++)
            {
                row[c] = (float)encoded[(r * width) + c];
            }

            _features.Map(row[..width], row[width..]);
        }

        return ValueTask.FromResult(scores);
    }

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        if (!rows.Rows[row].Admitted)
        {
            return;
        }

        var width = _encoder.Columns;
        var score = scores.Row(row);
        var embedding = score[width..];
        if (_betting)
        {
            var payoff = Math.Tanh((Project(embedding) - _centre) / _spread) - _offset;
            var bet = _payoffs < 20 ? FirstBet : Math.Clamp(_payoffMean / Math.Max(1e-9, _payoffSquare), SmallestBet, LargestBet);
            sink.Bet(0, double.LogP1(bet * payoff));
            var weight = 1 - (_payoffs < 100 ? _payoffs / (_payoffs + 1) : PayoffMemory);
            _payoffMean += weight * (payoff - _payoffMean);
            _payoffSquare += weight * ((payoff * payoff) - _payoffSquare);
            _payoffs++;
        }

        for (var f = 0; f < embedding.Length; f++)
        {
            _windowSum[f] += embedding[f];
        }

        score[..width].CopyTo(_rows.AsSpan(_count * width));
        _dirty = true;
        if (++_count == _options.Window)
        {
            _last = Test();
            CloseWindow();
            WindowClosed?.Invoke(_last);
        }
    }

    public WindowOutcome? TestOpenWindow() => _count >= SmallestWindow ? Test() : null;

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        if (_last is not null)
        {
            details.Measures["window p"] = _last.PValue;
            details.Measures["MMD2"] = _last.Statistic;
        }
    }

    public void TakeDirtyKeys(ICollection<string> keys)
    {
        if (_dirty)
        {
            keys.Add("");
            _dirty = false;
        }
    }

    public bool Save(string key, IBufferWriter<byte> output)
    {
        var writer = new CanonicalWriter(output);
        writer.WriteByte(1);
        writer.WriteCount(_count);
        writer.WriteBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(_rows.AsSpan(0, _count * _encoder.Columns)));
        writer.WriteDoubles(_windowSum);
        writer.WriteDoubles(_recent);
        writer.WriteDoubles(_witness);
        writer.WriteDoubles([_recentCount, _offset, _centre, _spread, _payoffMean, _payoffSquare, _payoffs, _last?.Statistic ?? double.NaN, _last?.PValue ?? double.NaN]);
        writer.WriteCount(_windows);
        writer.WriteByte(_betting ? (byte)1 : (byte)0);
        return true;
    }

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        var reader = new CanonicalReader(value);
        if (reader.ReadByte() != 1)
        {
            throw new InvalidDataException("window state of an unknown version");
        }

        _count = checked((int)reader.ReadCount());
        var rows = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(reader.ReadBytes());
        double[] windowSum = reader.ReadDoubles(), recent = reader.ReadDoubles(), witness = reader.ReadDoubles(), scalars = reader.ReadDoubles();
        if (_count >= _options.Window || rows.Length != _count * _encoder.Columns || windowSum.Length != _windowSum.Length
            || recent.Length != _recent.Length || witness.Length != _witness.Length || scalars.Length != 9)
        {
            throw new InvalidDataException("window state of another shape");
        }

        rows.CopyTo(_rows);
        windowSum.CopyTo(_windowSum, 0);
        recent.CopyTo(_recent, 0);
        witness.CopyTo(_witness, 0);
        (_recentCount, _offset, _centre, _spread, _payoffMean, _payoffSquare, _payoffs) = (scalars[0], scalars[1], scalars[2], scalars[3], scalars[4], scalars[5], scalars[6]);
        _last = double.IsNaN(scalars[8]) ? null : new WindowOutcome(_options.Window, scalars[7], scalars[8], []);
        _windows = reader.ReadCount();
        _betting = reader.ReadByte() == 1;
        reader.ExpectEnd();
    }

    private WindowOutcome Test()
    {
        var result = _test.Test(_rows.AsMemory(0, _count * _encoder.Columns), _options.Permutations, StableHash.Combine(_seed, (ulong)_windows));
        return new WindowOutcome(_count, result.Statistic, result.PValue, []);
    }

    private void CloseWindow()
    {
        _recentCount = (_recentCount * Memory) + _count;
        for (var f = 0; f < _recent.Length; f++)
        {
            _recent[f] = (_recent[f] * Memory) + _windowSum[f];
            _witness[f] = (_recent[f] / _recentCount) - _mean[f];
        }

        Array.Clear(_windowSum);
        _count = 0;
        _windows++;
        var norm = TensorPrimitives.Norm<double>(_witness);
        _betting = norm > 0;
        if (_betting)
        {
            TensorPrimitives.Divide(_witness, norm, _witness);
            Calibrate();
        }
    }

    // Centre, spread and mean of the witness over the held-out rows.
    private void Calibrate()
    {
        var values = new double[_heldOutRows];
        for (var r = 0; r < values.Length; r++)
        {
            values[r] = Project(_heldOut.AsSpan(r * _features.Count, _features.Count));
        }

        (_centre, var deviation) = Moments(values);
        _betting = deviation > 0;
        _spread = 2 * deviation;
        for (var r = 0; r < values.Length && _betting; r++)
        {
            values[r] = Math.Tanh((values[r] - _centre) / _spread);
        }

        var (mean, spread) = Moments(values);
        _offset = mean + (spread * Math.Sqrt(2 * Math.Log(Math.PI * Math.PI * _windows * _windows / (6 * Confidence)) / _heldOutRows));
    }

    private double Project(ReadOnlySpan<float> embedding)
    {
        double sum = 0;
        for (var f = 0; f < embedding.Length; f++)
        {
            sum += _witness[f] * embedding[f];
        }

        return sum;
    }

    private static (double Mean, double Deviation) Moments(double[] values)
    {
        var mean = values.Average();
        return (mean, Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / Math.Max(1, values.Length - 1)));
    }
}
