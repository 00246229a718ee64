using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Monitoring.Statistics;

/// <summary>
/// Reverse information projection of a bet q on the null set {p : (1 − δ)π ≤ p ≤ (1 + δ)π, Σp = 1} (RUNTIME 2,
/// "Tolerance"): π* = clip(a·q, (1 − δ)π, (1 + δ)π) with a such that π* sums to 1. It minimises KL(q ‖ p) over the set,
/// hence E_p[q/π*] ≤ 1 for every p in it (Grünwald, de Heide and Koolen, "Safe testing", 2024, theorem 1).
/// <para>
/// Both distributions come unnormalised: v = V·q and u = U·π, so that no division is done per bin. Only additions,
/// multiplications, divisions and comparisons in a fixed order: the same bits on every machine.
/// </para>
/// </summary>
internal static class ToleranceProjection
{
    private const int NewtonSteps = 12;

    /// <summary>b with Σ clip(b·v, (1 − δ)u, (1 + δ)u) = U, where U = Σu; that is b = a·U/V.</summary>
    /// <param name="v">The bet's weights, positive, padded with zeros to a multiple of four.</param>
    /// <param name="u">The null urn's weights, positive, padded likewise.</param>
    /// <param name="betTotal">V = Σv.</param>
    /// <param name="urnTotal">U = Σu.</param>
    /// <param name="tolerance">δ in (0, 1).</param>
    public static double Solve(ReadOnlySpan<double> v, ReadOnlySpan<double> u, double betTotal, double urnTotal, double tolerance)
    {
        var below = 1 - tolerance;
        var above = 1 + tolerance;
        Span<double> bounds = v.Length <= 64 ? stackalloc double[2 * v.Length] : new double[2 * v.Length];
        for (var i = 0; i < v.Length; i++)
        {
            bounds[i] = below * u[i];
            bounds[v.Length + i] = above * u[i];
        }

        var b = urnTotal / betTotal;
        var bins = new Bins(ref MemoryMarshal.GetReference(v), ref MemoryMarshal.GetReference(u), ref bounds[0], ref bounds[v.Length], v.Length);
        bins.Evaluate(b, out var clipped, out var free);
        return Solve(bins, b, clipped, free, urnTotal, below, above);
    }

    /// <summary>As the other one, from the sums at the first guess b = U/V.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Solve(Bins bins, double b, double clipped, double free, double urnTotal, double below, double above)
    {
        var low = 0.0;
        var high = double.PositiveInfinity;
        for (var step = 0; step < NewtonSteps; step++)
        {
            if (step > 0)
            {
                bins.Evaluate(b, out clipped, out free);
            }

            var sum = clipped + (b * free);
            if (sum < urnTotal)
            {
                low = b;
            }
            else if (sum > urnTotal)
            {
                high = b;
            }
            else
            {
                return b;
            }

            // The sum is piecewise linear in b: this is the exact root if the root lies on the same piece.
            var next = (urnTotal - clipped) / free;
            if (free == 0 || !(next > low && next < high))
            {
                // On the last digit the bracket has no room left; on a flat piece Newton has no slope.
                return Math.Abs(sum - urnTotal) <= 1e-14 * urnTotal ? b : SolveByBreakpoints(bins.V, bins.U, urnTotal, below, above);
            }

            if (Math.Abs(next - b) <= 1e-15 * b)
            {
                return next;
            }

            b = next;
        }

        return SolveByBreakpoints(bins.V, bins.U, urnTotal, below, above);
    }

    /// <summary>
    /// The exact search: of the 2K ends of the pieces the smallest at which the sum reaches U, and the one before it; solve on the piece between them. Selected by halves, for a sort of
    /// all of them costs more than the rest.
    /// </summary>
    internal static double SolveByBreakpoints(ReadOnlySpan<double> v, ReadOnlySpan<double> u, double urnTotal, double below, double above)
    {
        Span<double> ends = v.Length <= 64 ? stackalloc double[2 * v.Length] : new double[2 * v.Length];
        var count = 0;
        var greatest = double.NegativeInfinity;
        for (var i = 0; i < v.Length; i++)
        {
            if (v[i] > 0)
            {
                ends[count++] = below * u[i] / v[i];
                ends[count++] = above * u[i] / v[i];
                greatest = Math.Max(greatest, ends[count - 1]);
            }
        }

        // Where no end reaches U by rounding, the last one does.
        var (before, reached) = (double.NegativeInfinity, greatest);
        ends = ends[..count];
        while (ends.Length > 0)
        {
            var pivot = ends[ends.Length / 2];
            Evaluate(v, u, pivot, below, above, out var clippedAt, out var freeAt);
            var kept = 0;
            if (clippedAt + (pivot * freeAt) < urnTotal && pivot < greatest)
            {
                before = pivot;
                foreach (var end in ends)
                {
                    ends[kept] = end;
                    kept += end > pivot ? 1 : 0;
                }
            }
            else
            {
                reached = pivot;
                foreach (var end in ends)
                {
                    ends[kept] = end;
                    kept += end < pivot ? 1 : 0;
                }
            }

            ends = ends[..kept];
        }

        if (double.IsNegativeInfinity(before))
        {
            return reached;
        }

        Evaluate(v, u, 0.5 * (before + reached), below, above, out var clipped, out var free);
        return free > 0 ? Math.Clamp((urnTotal - clipped) / free, before, reached) : reached;
    }

    /// <summary>Adds four bins to the sums at b: a clipped one by its bound, a free one by v.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(Vector256<double> v, Vector256<double> b, Vector256<double> low, Vector256<double> high, ref Vector256<double> clipped, ref Vector256<double> free)
    {
        var x = b * v;
        var isAbove = Vector256.GreaterThan(x, low);
        var isFree = isAbove & Vector256.LessThan(x, high);
        clipped += Vector256.AndNot(Vector256.ConditionalSelect(isAbove, high, low), isFree);
        free += v & isFree;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(Vector256<double> x) => (x[0] + x[1]) + (x[2] + x[3]);

    /// <summary>Sums over the bins at b: the clipped ones by their bound, the free ones by v.</summary>
    private static void Evaluate(ReadOnlySpan<double> v, ReadOnlySpan<double> u, double b, double below, double above, out double clipped, out double free)
    {
        var clippedSum = Vector256<double>.Zero;
        var freeSum = Vector256<double>.Zero;
        for (var i = 0; i < v.Length; i += Vector256<double>.Count)
        {
            var ui = Vector256.Create(u[i..]);
            Add(Vector256.Create(v[i..]), Vector256.Create(b), below * ui, above * ui, ref clippedSum, ref freeSum);
        }

        clipped = Sum(clippedSum);
        free = Sum(freeSum);
    }

    /// <summary>v, u and u's bounds side by side in memory of the caller, all <see cref="Length"/> long, a multiple of four.</summary>
    public readonly ref struct Bins
    {
        private readonly ref double _v;
        private readonly ref double _u;
        private readonly ref double _low;
        private readonly ref double _high;

        public Bins(ref double v, ref double u, ref double low, ref double high, int length)
        {
            _v = ref v;
            _u = ref u;
            _low = ref low;
            _high = ref high;
            Length = length;
        }

        public int Length { get; }

        public ReadOnlySpan<double> V => MemoryMarshal.CreateReadOnlySpan(ref _v, Length);

        public ReadOnlySpan<double> U => MemoryMarshal.CreateReadOnlySpan(ref _u, Length);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Evaluate(double b, out double clipped, out double free)
        {
            var clippedSum = Vector256<double>.Zero;
            var freeSum = Vector256<double>.Zero;
            var scale = Vector256.Create(b);
            for (nuint i = 0; i < (nuint)Length; i += (nuint)Vector256<double>.Count)
            {
                Add(Vector256.LoadUnsafe(ref _v, i), scale, Vector256.LoadUnsafe(ref _low, i), Vector256.LoadUnsafe(ref _high, i), ref clippedSum, ref freeSum);
            }

            clipped = Sum(clippedSum);
            free = Sum(freeSum);
        }
    }
}
