using System.Numerics;
using Monitoring.Detection;

namespace Monitoring.Explainer;

/// <summary>What is switched on and off together: single columns of a row, or rectangles of an image ("superpixels").</summary>
internal sealed class FeatureGroups
{
    /// <summary>Runs of neighbouring columns of each group.</summary>
    private readonly (int Start, int Length)[][] _runs;

    private FeatureGroups(IReadOnlyList<string> names, int[] groupOf)
    {
        Names = names;
        GroupOf = groupOf;
        var runs = names.Select(_ => new List<(int, int)>()).ToArray();
        for (var i = 0; i < groupOf.Length;)
        {
            var start = i;
            while (i < groupOf.Length && groupOf[i] == groupOf[start])
            {
                i++;
            }

            runs[groupOf[start]].Add((start, i - start));
        }

        _runs = [.. runs.Select(r => r.ToArray())];
    }

    public int Count => Names.Count;

    /// <summary>Name of each group.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Group of each column of the row.</summary>
    public IReadOnlyList<int> GroupOf { get; }

    public int Columns => GroupOf.Count;

    /// <summary>One group per column.</summary>
    public static FeatureGroups Single(IReadOnlyList<string> names) => new(names, [.. Enumerable.Range(0, names.Count)]);

    /// <summary>An image cut into <paramref name="across"/> × <paramref name="across"/> rectangles as equal as whole pixels allow; all channels of a pixel together.</summary>
    public static FeatureGroups Grid(ImageLayout image, int across)
    {
        if (across < 1 || across > Math.Min(image.Height, image.Width))
        {
            throw new ArgumentOutOfRangeException(nameof(across), across, $"1 to {Math.Min(image.Height, image.Width)} for an image of {image.Width}×{image.Height}");
        }

        var groups = new int[image.Height * image.Width * image.Channels];
        for (var y = 0; y < image.Height; y++)
        {
            for (var x = 0; x < image.Width; x++)
            {
                var group = (y * across / image.Height * across) + (x * across / image.Width);
                for (var c = 0; c < image.Channels; c++)
                {
                    groups[ColumnOf(image, y, x, c)] = group;
                }
            }
        }

        return new FeatureGroups([.. Enumerable.Range(0, across * across).Select(i => $"cell {(i / across) + 1},{(i % across) + 1}")], groups);
    }

    /// <summary>The schema's own features; an image becomes a grid of 8 × 8 (fewer where it is smaller).</summary>
    public static FeatureGroups Of(ModelSchema schema) =>
        schema.Image is { } image ? Grid(image, Math.Min(8, Math.Min(image.Height, image.Width))) : Single([.. schema.Features.Select(f => f.Name)]);

    /// <summary>Column of a pixel in the row.</summary>
    public static int ColumnOf(ImageLayout image, int y, int x, int channel) => image.ColumnOf(y, x, channel);

    /// <summary>Writes <paramref name="on"/>'s columns for the groups whose bit is set and <paramref name="off"/>'s for the others.</summary>
    /// <param name="coalition">Bit g of word g / 64 is group g.</param>
    /// <param name="on">The explained row.</param>
    /// <param name="off">The background row.</param>
    /// <param name="row">Written.</param>
    public void Mix(ReadOnlySpan<ulong> coalition, ReadOnlySpan<float> on, ReadOnlySpan<float> off, Span<float> row)
    {
        // From the row that gives most groups, and few runs of the other. From set bit to set bit: asking every run for its bit costs a mispredicted branch each.
        var set = 0;
        foreach (var word in coalition)
        {
            set += BitOperations.PopCount(word);
        }

        var few = set > Count / 2;
        var other = few ? off : on;
        (few ? on : off).CopyTo(row);
        for (var word = 0; word < coalition.Length; word++)
        {
            var members = few ? ~coalition[word] & Groups(word) : coalition[word];
            for (; members != 0; members &= members - 1)
            {
                foreach (var (start, length) in _runs[(word << 6) + BitOperations.TrailingZeroCount(members)])
                {
                    // A run of a superpixel is a few floats: a loop beats a call.
                    for (var i = start; i < start + length; i++)
                    {
                        row[i] = other[i];
                    }
                }
            }
        }
    }

    /// <summary>The bits of a word that stand for groups.</summary>
    private ulong Groups(int word) => Count - (word << 6) is var left && left >= 64 ? ulong.MaxValue : (1UL << left) - 1;
}
