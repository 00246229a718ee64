using Monitoring.Detection;

namespace Monitoring.Adversarial.Tests;

/// <summary>The fast fingerprint against the definition written down plainly: the same hashes, bit for bit, whatever the layout and the values.</summary>
public sealed class ImageFingerprintTests
{
    private static readonly FingerprintKey s_key = FingerprintKey.FromSeed(99);

    [Theory]
    [InlineData(28, 28, 1, false, 0f, 1f, 14, 3)]
    [InlineData(28, 28, 1, true, 0f, 1f, 14, 3)]
    [InlineData(27, 25, 1, true, 0f, 255f, 14, 3)]
    [InlineData(14, 14, 1, true, -1f, 1f, 14, 3)]
    [InlineData(64, 48, 1, false, 0f, 1f, 14, 3)]
    [InlineData(32, 32, 3, true, 0f, 1f, 8, 2)]
    [InlineData(32, 32, 3, false, 0f, 255f, 8, 2)]
    [InlineData(33, 20, 4, false, -2f, 3f, 8, 2)]
    public void Hashes_are_those_of_the_definition(int height, int width, int channels, bool channelsFirst, float minimum, float maximum, int cells, int patch)
    {
        var layout = new ImageLayout(height, width, channels, channelsFirst, minimum, maximum);
        var fingerprinter = new ImageFingerprinter(layout, cells, patch, 50, s_key);
        var random = new Random(height + width + channels);
        var hashes = new ulong[fingerprinter.MaximumHashes];
        for (var image = 0; image < 20; image++)
        {
            var row = Enumerable.Range(0, height * width * channels).Select(_ => random.Next(12) switch
            {
                0 => minimum,
                1 => maximum,
                2 => float.NaN,
                3 => float.PositiveInfinity,
                4 => -1e30f,
                _ => minimum + ((maximum - minimum) * ((random.NextSingle() * 1.2f) - 0.1f)),
            }).ToArray();

            Assert.Equal(fingerprinter.MaximumHashes, fingerprinter.Hash(row, hashes));
            Assert.Equal(Definition(row, layout, cells, patch), hashes);
        }
    }

    /// <summary>Pool, dither, patches: one float after the other.</summary>
    private static ulong[] Definition(float[] row, ImageLayout layout, int cells, int patch)
    {
        var pool = Math.Max(1, (Math.Max(layout.Height, layout.Width) + cells - 1) / cells);
        var (rows, columns) = ((layout.Height + pool - 1) / pool, (layout.Width + pool - 1) / pool);
        var sums = new float[rows * columns * layout.Channels];
        var pixels = new int[sums.Length];
        for (var i = 0; i < row.Length; i++)
        {
            var (y, x, c) = layout.ChannelsFirst
                ? (i / layout.Width % layout.Height, i % layout.Width, i / (layout.Width * layout.Height))
                : (i / layout.Channels / layout.Width, i / layout.Channels % layout.Width, i % layout.Channels);
            var cell = ((((y / pool) * columns) + (x / pool)) * layout.Channels) + c;
            pixels[cell]++;
            sums[cell] += row[i] >= layout.Maximum ? layout.Maximum - layout.Minimum : row[i] > layout.Minimum ? row[i] - layout.Minimum : 0;
        }

        var levels = new ulong[sums.Length];
        var inverse = (float)(1.0 / 50);
        for (var i = 0; i < sums.Length; i++)
        {
            var scale = 255f / ((layout.Maximum - layout.Minimum) * pixels[i]);
            levels[i] = (ulong)(((sums[i] * scale) + (float)(s_key.DrawUnit(1, i) * 50)) * inverse);
        }

        var result = new List<ulong>();
        for (var y = 0; y + patch <= rows; y++)
        {
            for (var x = 0; x + patch <= columns; x++)
            {
                var hash = s_key.Draw(3, 0);
                var coefficient = 0;
                for (var dy = 0; dy < patch; dy++)
                {
                    for (var dx = 0; dx < patch * layout.Channels; dx++)
                    {
                        hash += (s_key.Draw(2, coefficient++) | 1) * (levels[((((y + dy) * columns) + x) * layout.Channels) + dx] + 40_000);
                    }
                }

                result.Add(ImageFingerprinter.Finish(hash));
            }
        }

        return [.. result];
    }
}
