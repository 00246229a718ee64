using System.Runtime.CompilerServices;
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
        var b = urnTotal / betTotal;
        var low = 0.0;
        var high = double.PositiveInfinity;
        for (var step = 0; step < NewtonSteps; step++)
        {
            Evaluate(v, u, b, below, above, out var clipped, out var free);
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
                return Math.Abs(sum - urnTotal) <= 1e-14 * urnTotal ? b : SolveByBreakpoints(v, u, urnTotal, below, above);
            }

            if (Math.Abs(next - b) <= 1e-15 * b)
            {
                return next;
            }

            b = next;
        }

        return SolveByBreakpoints(v, u, urnTotal, below, above);
    }

    /// <summary>The exact search: sort the 2K ends of the pieces, find the piece that holds the root, solve on it.</summary>
    internal static double SolveByBreakpoints(ReadOnlySpan<double> v, ReadOnlySpan<double> u, double urnTotal, double below, double above)
    {
        Span<double> ends = v.Length <= 64 ? stackalloc double[2 * v.Length] : new double[2 * v.Length];
        var count = 0;
        for (var i = 0; i < v.Length; i++)
        {
            if (v[i] > 0)
            {
                ends[count++] = below * u[i] / v[i];
                ends[count++] = above * u[i] / v[i];
            }
        }

        ends = ends[..count];
        ends.Sort();
        var low = 0;
        var high = count - 1;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            Evaluate(v, u, ends[middle], below, above, out var clippedAt, out var freeAt);
            if (clippedAt + (ends[middle] * freeAt) < urnTotal)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        if (low == 0)
        {
            return ends[0];
        }

        Evaluate(v, u, 0.5 * (ends[low - 1] + ends[low]), below, above, out var clipped, out var free);
        return free > 0 ? Math.Clamp((urnTotal - clipped) / free, ends[low - 1], ends[low]) : ends[low];
    }

    /// <summary>Sums over the bins at b: the clipped ones by their bound, the free ones by v.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Evaluate(ReadOnlySpan<double> v, ReadOnlySpan<double> u, double b, double below, double above, out double clipped, out double free)
    {
        var clippedSum = Vector256<double>.Zero;
        var freeSum = Vector256<double>.Zero;
        var scale = Vector256.Create(b);
        var lowScale = Vector256.Create(below);
        var highScale = Vector256.Create(above);
        for (var i = 0; i < v.Length; i += Vector256<double>.Count)
        {
            var vi = Vector256.Create(v[i..]);
            var ui = Vector256.Create(u[i..]);
            var x = scale * vi;
            var lo = lowScale * ui;
            var hi = highScale * ui;
            var bound = Vector256.ConditionalSelect(Vector256.LessThanOrEqual(x, lo), lo, hi);
            var isFree = Vector256.GreaterThan(x, lo) & Vector256.LessThan(x, hi);
            clippedSum += Vector256.ConditionalSelect(isFree, Vector256<double>.Zero, bound);
            freeSum += Vector256.ConditionalSelect(isFree, vi, Vector256<double>.Zero);
        }

        clipped = Sum(clippedSum);
        free = Sum(freeSum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Sum(Vector256<double> x) => (x[0] + x[1]) + (x[2] + x[3]);
}
