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
    private readonly int _rows;
    private readonly int _columns;
    private readonly int _patch;
    private readonly int[] _cellOf;
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
        var pool = Math.Max(1, ((Math.Max(layout.Height, layout.Width) + cells) - 1) / cells);
        _rows = ((layout.Height + pool) - 1) / pool;
        _columns = ((layout.Width + pool) - 1) / pool;
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

        _start = key.Draw(StartPurpose, 0);

        // Cell (and channel) of every float of the row, so that pooling is one pass whatever the layout.
        _cellOf = new int[layout.Height * layout.Width * layout.Channels];
        var pixels = new int[values];
        for (var y = 0; y < layout.Height; y++)
        {
            for (var x = 0; x < layout.Width; x++)
            {
                for (var c = 0; c < layout.Channels; c++)
                {
                    var position = layout.ChannelsFirst ? (((c * layout.Height) + y) * layout.Width) + x : (((y * layout.Width) + x) * layout.Channels) + c;
                    var cell = ((((y / pool) * _columns) + (x / pool)) * layout.Channels) + c;
                    _cellOf[position] = cell;
                    pixels[cell]++;
                }
            }
        }

        _scale = new float[values];
        for (var i = 0; i < values; i++)
        {
            _scale[i] = 255f / ((layout.Maximum - layout.Minimum) * pixels[i]);
        }

        MaximumHashes = (_rows - patch + 1) * (_columns - patch + 1);
    }

    public override int MaximumHashes { get; }

    public override int Hash(ReadOnlySpan<float> row, Span<ulong> hashes)
    {
        var channels = _layout.Channels;
        Span<float> cells = stackalloc float[_dither.Length];
        cells.Clear();
        var cellOf = _cellOf.AsSpan(0, row.Length);
        var minimum = _layout.Minimum;
        var maximum = _layout.Maximum;
        for (var i = 0; i < row.Length; i++)
        {
            // Clamped: a value far outside the layout must not overflow, nor hide the rest of its cell. NaN fails both tests and adds nothing.
            var value = row[i];
            cells[cellOf[i]] += value >= maximum ? maximum - minimum : value > minimum ? value - minimum : 0;
        }

        Span<ulong> levels = stackalloc ulong[cells.Length];
        for (var i = 0; i < cells.Length; i++)
        {
            levels[i] = (ulong)(((cells[i] * _scale[i]) + _dither[i]) * _inverseStep);
        }

        var count = 0;
        var width = _patch * channels;
        var stride = _columns * channels;
        for (var y = 0; y + _patch <= _rows; y++)
        {
            for (var x = 0; x + _patch <= _columns; x++)
            {
                var hash = _start;
                var coefficient = 0;
                for (var dy = 0; dy < _patch; dy++)
                {
                    var line = levels.Slice(((y + dy) * stride) + (x * channels), width);
                    for (var i = 0; i < line.Length; i++)
                    {
                        hash += _coefficients[coefficient++] * (line[i] + 40_000);
                    }
                }

                hashes[count++] = Finish(hash);
            }
        }

        return count;
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
