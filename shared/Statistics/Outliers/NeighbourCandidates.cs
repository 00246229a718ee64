using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Monitoring.Statistics;

/// <summary>The smallest squared distances seen so far, ascending; of equal ones those of the rows with the smaller numbers. Infinite ones are none.</summary>
/// <param name="size">How many are kept.</param>
internal sealed class NeighbourCandidates(int size)
{
    /// <summary>Rows that are offered at once.</summary>
    public const int Lanes = 16;
    private readonly float[] _squares = new float[size];
    private readonly int[] _indices = new int[size];

    /// <summary>Numbers of the rows; −1 where there is none.</summary>
    public Span<int> Indices => _indices;

    /// <summary>Nothing above is kept.</summary>
    public float Limit { get; private set; }

    public void Clear()
    {
        Array.Fill(_squares, float.PositiveInfinity);
        Array.Fill(_indices, -1);
        Limit = float.PositiveInfinity;
    }

    /// <summary>Offers rows in any order.</summary>
    /// <param name="squares">Their squared distances.</param>
    /// <param name="rows">Their numbers.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Offer(Vector512<float> squares, ReadOnlySpan<int> rows)
    {
        var below = Vector512.LessThanOrEqual(squares, Vector512.Create(Limit)).ExtractMostSignificantBits();
        if (below != 0)
        {
            Insert(squares, rows, below);
        }
    }

    private void Insert(Vector512<float> squares, ReadOnlySpan<int> rows, ulong below)
    {
        Span<float> lanes = stackalloc float[Lanes];
        squares.CopyTo(lanes);
        var kept = _squares;
        for (; below != 0; below &= below - 1)
        {
            var lane = BitOperations.TrailingZeroCount(below);
            var (square, row) = (lanes[lane], rows[lane]);
            var i = kept.Length - 1;
            if (square > kept[i] || (square == kept[i] && row > _indices[i]) || float.IsPositiveInfinity(square))
            {
                continue;
            }

            for (; i > 0 && (kept[i - 1] > square || (kept[i - 1] == square && _indices[i - 1] > row)); i--)
            {
                kept[i] = kept[i - 1];
                _indices[i] = _indices[i - 1];
            }

            kept[i] = square;
            _indices[i] = row;
        }

        Limit = kept[^1];
    }
}
