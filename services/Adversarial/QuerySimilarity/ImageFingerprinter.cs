using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Monitoring.Detection;

namespace Monitoring.Adversarial;

/// <summary>
/// Fingerprint of an image (RUNTIME.md 6; after Li et al., "Blacklight", USENIX Security 2022, changed where trials on digits broke it): the
/// image is mean-pooled to at most 14×14 cells, a cell z in [0, 1] becomes ⌊(255z + s)/q⌋ with a keyed dither s of its own and no wrap, and every
/// patch of cells gives one keyed 64-bit hash. The dither binds a patch to its place.
/// </summary>
internal sealed class ImageFingerprinter : Fingerprinter
{
    private const byte DitherPurpose = 1;
    private const byte CoefficientPurpose = 2;
    private const byte StartPurpose = 3;

    private readonly ImageLayout _layout;
    private readonly int _pool;
    private readonly int _rows;
    private readonly int _columns;
    private readonly int _patch;
    private readonly int[] _offsets;
    private readonly float[] _scale;
    private readonly float[] _dither;
    private readonly ulong[] _coefficients;
    private readonly ulong _start;
    private readonly float _inverseStep;

    /// <param name="layout">Layout of the image in the row.</param>
    /// <param name="cells">Most cells along the longer side.</param>
    /// <param name="patch">Side of a patch, in cells.</param>
    /// <param name="step">q, in grey levels of 255.</param>
    /// <param name="key">Secret.</param>
    public ImageFingerprinter(ImageLayout layout, int cells, int patch, double step, FingerprintKey key)
    {
        _layout = layout;
        _patch = patch;
        _pool = Math.Max(1, ((Math.Max(layout.Height, layout.Width) + cells) - 1) / cells);
        _rows = ((layout.Height + _pool) - 1) / _pool;
        _columns = ((layout.Width + _pool) - 1) / _pool;
        if (_rows < patch || _columns < patch)
        {
            throw new FitException($"an image of {layout.Height}×{layout.Width} pixels is too small for patches of {patch}×{patch} cells");
        }

        _inverseStep = (float)(1 / step);
        var values = _rows * _columns * layout.Channels;
        _dither = new float[values];
        for (var i = 0; i < values; i++)
        {
            _dither[i] = (float)(key.DrawUnit(DitherPurpose, i) * step);
        }

        _coefficients = new ulong[patch * patch * layout.Channels];
        for (var i = 0; i < _coefficients.Length; i++)
        {
            _coefficients[i] = key.Draw(CoefficientPurpose, i) | 1;
        }

        // Σ c·(v + 40,000) from the key's start, with what does not depend on the image added up once (modulo 2⁶⁴).
        _start = key.Draw(StartPurpose, 0);
        foreach (var coefficient in _coefficients)
        {
            _start += coefficient * 40_000;
        }

        // Places of a patch's cells behind its first one, in the order of the coefficients.
        _offsets = [.. Enumerable.Range(0, _coefficients.Length).Select(i => ((i / (patch * layout.Channels)) * _columns * layout.Channels) + (i % (patch * layout.Channels)))];
        _scale = new float[values];
        for (var i = 0; i < values; i++)
        {
            var (row, column) = (i / layout.Channels / _columns, i / layout.Channels % _columns);
            var pixels = Math.Min(_pool, layout.Height - (row * _pool)) * Math.Min(_pool, layout.Width - (column * _pool));
            _scale[i] = 255f / ((layout.Maximum - layout.Minimum) * pixels);
        }

        MaximumHashes = (_rows - patch + 1) * (_columns - patch + 1);
    }

    public override int MaximumHashes { get; }

    public override int Hash(ReadOnlySpan<float> row, Span<ulong> hashes)
    {
        var channels = _layout.Channels;
        Span<float> cells = stackalloc float[_dither.Length];
        cells.Clear();
        Pool(row, cells);
        Span<ulong> levels = stackalloc ulong[cells.Length];
        for (var i = 0; i < cells.Length; i++)
        {
            // Below 2³¹ by far: a cell is at most 255 and the dither at most one step.
            levels[i] = (ulong)(int)(((cells[i] * _scale[i]) + _dither[i]) * _inverseStep);
        }

        var count = 0;
        ReadOnlySpan<ulong> coefficients = _coefficients;
        ReadOnlySpan<int> offsets = _offsets.AsSpan(0, coefficients.Length);
        for (var y = 0; y + _patch <= _rows; y++)
        {
            for (var x = 0; x + _patch <= _columns; x++)
            {
                ReadOnlySpan<ulong> patch = levels[(((y * _columns) + x) * channels)..];
                var hash = _start;
                for (var i = 0; i < coefficients.Length; i++)
                {
                    hash += coefficients[i] * patch[offsets[i]];
                }

                hashes[count++] = Finish(hash);
            }
        }

        return count;
    }

    /// <summary>
    /// Adds every pixel, above black and at most white, to its cell, in the order of the row: floats do not add up the same in another order, and fingerprints must be equal on every machine.
    /// </summary>
    private void Pool(ReadOnlySpan<float> row, Span<float> cells)
    {
        var (channels, width, pool) = (_layout.Channels, _layout.Width, _pool);
        var line = _layout.ChannelsFirst ? width : width * channels;
        Span<float> clamped = stackalloc float[Math.Min(line, 8_192)];
        clamped = line <= clamped.Length ? clamped : new float[line];
        for (int start = 0, number = 0; start < row.Length; start += line, number++)
        {
            Clamp(row.Slice(start, line), clamped);
            var (channel, y) = _layout.ChannelsFirst ? (number / _layout.Height, number % _layout.Height) : (0, number);
            var target = cells.Slice((y / pool) * _columns * channels, _columns * channels);
            if (channels == 1 && pool == 2)
            {
                for (var x = 0; x + 1 < clamped.Length; x += 2)
                {
                    target[x >> 1] = target[x >> 1] + clamped[x] + clamped[x + 1];
                }

                if ((clamped.Length & 1) != 0)
                {
                    target[clamped.Length >> 1] += clamped[^1];
                }
            }
            else if (_layout.ChannelsFirst)
            {
                for (var x = 0; x < clamped.Length; x++)
                {
                    target[((x / pool) * channels) + channel] += clamped[x];
                }
            }
            else
            {
                for (int x = 0, i = 0; x < width; x++)
                {
                    var cell = (x / pool) * channels;
                    for (var c = 0; c < channels; c++)
                    {
                        target[cell + c] += clamped[i++];
                    }
                }
            }
        }
    }

    /// <summary>Above black, at most white: a value far outside the layout must not overflow, nor hide the rest of its cell. NaN fails both tests and is black.</summary>
    private void Clamp(ReadOnlySpan<float> values, Span<float> clamped)
    {
        var (minimum, maximum) = (_layout.Minimum, _layout.Maximum);
        var (black, white, range) = (Vector256.Create(minimum), Vector256.Create(maximum), Vector256.Create(maximum - minimum));
        ref var from = ref MemoryMarshal.GetReference(values);
        ref var to = ref MemoryMarshal.GetReference(clamped);
        var i = 0;
        for (; i + Vector256<float>.Count <= values.Length; i += Vector256<float>.Count)
        {
            var value = Vector256.LoadUnsafe(ref from, (nuint)i);
            var above = Vector256.ConditionalSelect(Vector256.GreaterThan(value, black), value - black, Vector256<float>.Zero);
            Vector256.ConditionalSelect(Vector256.GreaterThanOrEqual(value, white), range, above).StoreUnsafe(ref to, (nuint)i);
        }

        for (; i < values.Length; i++)
        {
            var value = values[i];
            clamped[i] = value >= maximum ? maximum - minimum : value > minimum ? value - minimum : 0;
        }
    }

    /// <summary>Finaliser of MurmurHash3 (Appleby, public domain): spreads every bit of the keyed sum.</summary>
    internal static ulong Finish(ulong hash)
    {
        hash ^= hash >> 33;
        hash *= 0xFF51AFD7ED558CCD;
        hash ^= hash >> 33;
        hash *= 0xC4CEB9FE1A85EC53;
        return hash ^ (hash >> 33);
    }
}
