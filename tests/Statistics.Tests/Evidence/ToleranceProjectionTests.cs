namespace Monitoring.Statistics.Tests;

public sealed class ToleranceProjectionTests
{
    /// <summary>The projection sums to one, and both searches find the same b, for random bets and urns of every size.</summary>
    [Theory]
    [InlineData(0.001)]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.95)]
    public void Sums_to_the_total_and_both_searches_agree(double tolerance)
    {
        var random = new Random(1);
        for (var round = 0; round < 2_000; round++)
        {
            var bins = random.Next(2, 24);
            var v = new double[BinPartition.StrideOf(bins)];
            var u = new double[v.Length];
            for (var i = 0; i < bins; i++)
            {
                // From nearly equal to wildly different bets.
                u[i] = 0.5 + (1_000 * random.NextDouble());
                v[i] = u[i] * Math.Exp((round % 5) * (random.NextDouble() - 0.5));
            }

            var total = u.Sum();
            var b = ToleranceProjection.Solve(v, u, v.Sum(), total, tolerance);
            var exact = ToleranceProjection.SolveByBreakpoints(v, u, total, 1 - tolerance, 1 + tolerance);
            Assert.Equal(total, Projected(v, u, b, tolerance).Sum(), total * 1e-12);
            foreach (var (one, other) in Projected(v, u, b, tolerance).Zip(Projected(v, u, exact, tolerance)))
            {
                Assert.Equal(one, other, total * 1e-12);
            }
        }
    }

    /// <summary>A bet inside the tolerance set is its own projection: r = 1, nothing can be won.</summary>
    [Fact]
    public void A_bet_inside_the_set_is_left_alone()
    {
        double[] u = [10, 20, 30, 40];
        double[] v = [1.05, 1.95, 3.0, 4.0];
        var b = ToleranceProjection.Solve(v, u, v.Sum(), u.Sum(), 0.1);
        Assert.Equal(10, b, 12);
    }

    /// <summary>It minimises KL(q ‖ p) over the set: no random member of the set is nearer.</summary>
    [Fact]
    public void Minimises_the_reverse_divergence()
    {
        var random = new Random(2);
        double[] u = [10, 20, 30, 40];
        for (var round = 0; round < 200; round++)
        {
            double[] v = [.. u.Select(x => x * (0.3 + (1.4 * random.NextDouble())))];
            var best = Projected(v, u, ToleranceProjection.Solve(v, u, v.Sum(), 100, 0.2), 0.2);
            for (var trial = 0; trial < 50; trial++)
            {
                var other = RandomMember(random, u, 0.2);
                Assert.True(Divergence(v, best) <= Divergence(v, other) + 1e-12);
            }
        }
    }

    private static double[] Projected(double[] v, double[] u, double b, double tolerance) =>
        [.. v.Zip(u, (vi, ui) => Math.Clamp(b * vi, (1 - tolerance) * ui, (1 + tolerance) * ui))];

    private static double[] RandomMember(Random random, double[] u, double tolerance)
    {
        // Moves mass between two bins at a time, inside the bounds.
        var p = (double[])u.Clone();
        for (var i = 0; i < 20; i++)
        {
            var from = random.Next(u.Length);
            var to = random.Next(u.Length);
            var room = Math.Min(p[from] - ((1 - tolerance) * u[from]), ((1 + tolerance) * u[to]) - p[to]);
            if (from != to)
            {
                var moved = room * random.NextDouble();
                p[from] -= moved;
                p[to] += moved;
            }
        }

        return p;
    }

    private static double Divergence(double[] v, double[] p) => v.Zip(p, (vi, pi) => vi * Math.Log(vi / pi)).Sum();
}
