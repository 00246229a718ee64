namespace Monitoring.AllInOne.Drills;

/// <summary>The attacker's own guess at a similarity detector: pooled cells, its own dither, 3×3 patches compared as sets.</summary>
internal sealed class NearCopyJudge
{
    private const double Step = 50;
    private const int Shared = 10;
    private readonly int _side;
    private readonly double[] _dither;

    public NearCopyJudge(int side, Random random)
    {
        _side = side;
        _dither = new double[side / 2 * (side / 2)];
        for (var i = 0; i < _dither.Length; i++)
        {
            _dither[i] = random.NextDouble() * Step;
        }
    }

    public bool AreNearCopies(float[] a, float[] b)
    {
        var patches = Patches(a);
        patches.IntersectWith(Patches(b));
        return patches.Count >= Shared;
    }

    private HashSet<(int, long)> Patches(float[] image)
    {
        var cells = _side / 2;
        var levels = new int[cells * cells];
        for (var y = 0; y < cells; y++)
        {
            for (var x = 0; x < cells; x++)
            {
                var corner = (2 * y * _side) + (2 * x);
                var mean = (image[corner] + image[corner + 1] + image[corner + _side] + image[corner + _side + 1]) / 4;
                levels[(y * cells) + x] = (int)(((255 * mean) + _dither[(y * cells) + x]) / Step);
            }
        }

        var patches = new HashSet<(int, long)>();
        for (var y = 0; y + 3 <= cells; y++)
        {
            for (var x = 0; x + 3 <= cells; x++)
            {
                long code = 0;
                var ink = 0;
                for (var i = 0; i < 9; i++)
                {
                    var level = levels[((y + (i / 3)) * cells) + x + (i % 3)];
                    code = (code * 8) + level;
                    ink += level > 1 ? 1 : 0;
                }

                // Background patches are common and dropped by any sane detector.
                if (ink >= 3)
                {
                    patches.Add(((y * cells) + x, code));
                }
            }
        }

        return patches;
    }
}
