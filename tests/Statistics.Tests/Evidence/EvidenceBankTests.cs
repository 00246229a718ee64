using System.Buffers;

namespace Monitoring.Statistics.Tests;

public sealed class EvidenceBankTests
{
    private static readonly double[] s_values = [0, 1, 1, 2, 5];

    public static TheoryData<double, double?> Settings => new()
    {
        { 0, null },
        { 0.1, null },
        { 0.5, null },
        { 0.1, 40.0 },
        { 0, 40.0 },
    };

    /// <summary>E[r | past] ≤ 1 under every member of the null set, by the exhaustive sum over bins, in random states.</summary>
    [Theory]
    [MemberData(nameof(Settings))]
    public void Increments_are_bets_against_every_member_of_the_null(double tolerance, double? concentration)
    {
        var random = new Random(7);
        var slots = Enumerable.Range(0, 4_000).Select(i => i % 2).ToArray();
        var numbers = Enumerable.Range(0, 4_000).Select(i => random.Next(4) == 0 ? 0 : random.Gaussian()).ToArray();
        var references = new[]
        {
            StreamReference.Numeric(Samples.Gaussian(3, 2_000)),
            StreamReference.Numeric(numbers, slots, 2),
            StreamReference.Categorical([.. Enumerable.Range(0, 2_000).Select(_ => (double)Math.Min(random.Next(40), random.Next(40)))]),
        };
        foreach (var reference in references)
        {
            var bank = new EvidenceBank(reference, new EvidenceOptions { Tolerance = tolerance, Concentration = concentration });
            for (var state = 0; state < 300; state++)
            {
                for (var i = 0; i < 10; i++)
                {
                    bank.Update(reference.Kind == StreamKind.Numeric ? random.Gaussian() + (state / 100.0) : random.Next(60), (ulong)random.NextInt64(), random.Next(reference.Slots), 1, i);
                }

                for (var partition = 0; partition < reference.Partitions.Length; partition++)
                {
                    for (var l = 0; l < 3; l++)
                    {
                        var bins = reference.Partitions[partition].Bins;
                        var r = new double[bins];
                        var pi = new double[bins];
                        bank.Increments(partition, l, state % reference.Slots, r, pi);
                        Assert.Equal(1, pi.Sum(), 1e-12);
                        Assert.True(WorstExpectation(r, pi, tolerance) <= 1 + 1e-10);
                        if (tolerance == 0)
                        {
                            Assert.Equal(1, r.Zip(pi, (a, b) => a * b).Sum(), 1e-10);
                        }
                    }
                }
            }
        }
    }

    /// <summary>Fails without the projection: the same bet divided by π itself wins against a member of the set.</summary>
    [Fact]
    public void Without_the_projection_a_tolerated_shift_would_be_evidence()
    {
        var bank = new EvidenceBank(StreamReference.Numeric(Samples.Gaussian(3, 2_000)), new EvidenceOptions { Tolerance = 0 });
        foreach (var value in Samples.Gaussian(4, 3_000, 0.1))
        {
            bank.Update(value, 1, 0, 1, 0);
        }

        var r = new double[20];
        var pi = new double[20];
        bank.Increments(2, 1, 0, r, pi);
        Assert.True(WorstExpectation(r, pi, 0.1) > 1.001);
    }

    /// <summary>SR ← r(SR + Δt) with the increments of the formulae, pair by pair, from another implementation in plain loops.</summary>
    [Fact]
    public void Agrees_with_the_formulae_written_plainly()
    {
        double[] sample = [.. Samples.Gaussian(5, 500)];
        var reference = StreamReference.Numeric(sample);
        var bank = new EvidenceBank(reference, new EvidenceOptions { Tolerance = 0 });
        double[] lambdas = [0.99, 0.998, 0.9995];
        int[] ks = [4, 8, 20];
        Array.Sort(sample);
        var sr = new double[9];
        var n = ks.Select(k => new double[k]).ToArray();
        var w = Enumerable.Range(0, 9).Select(p => new double[ks[p / 3]]).ToArray();
        var stream = Samples.Gaussian(6, 2_000, 0.2);
        for (var t = 0; t < stream.Length; t++)
        {
            var elapsed = 0.5 + (t % 3);
            bank.Update(stream[t], (ulong)t, 0, elapsed, t);
            for (var pair = 0; pair < 9; pair++)
            {
                var k = ks[pair / 3];
                int Cut(int j) => (int)Math.Round(501.0 * j / k, MidpointRounding.AwayFromZero);
                double M(int j) => Cut(j + 1) - Cut(j);
                var bin = Enumerable.Range(1, k - 1).Count(j => sample[Cut(j) - 1] < stream[t]);
                var weight = w[pair].Sum();
                var q = ((10 * M(bin) / 501) + w[pair][bin]) / (10 + weight);
                var pi = (M(bin) + n[pair / 3][bin]) / (501 + t);
                sr[pair] = q / pi * (sr[pair] + elapsed);
                for (var j = 0; j < k; j++)
                {
                    w[pair][j] *= lambdas[pair % 3];
                }

                w[pair][bin]++;
                if (pair % 3 == 2)
                {
                    n[pair / 3][bin]++;
                }
            }

            Assert.Equal(1, bank.Value / sr.Average(), 1e-9);
        }
    }

    /// <summary>A bank restored from its bytes goes on exactly like the one that was saved, and saves the same bytes.</summary>
    [Fact]
    public void Restored_state_continues_bit_for_bit()
    {
        var slots = Enumerable.Range(0, 2_000).Select(i => i % 3).ToArray();
        var reference = StreamReference.FromBytes(StreamReference.Numeric(Samples.Gaussian(8, 2_000), slots, 3).ToBytes());
        var one = new EvidenceBank(reference);
        var stream = Samples.Gaussian(9, 5_000, 0.15);
        for (var t = 0; t < stream.Length; t++)
        {
            one.Update(stream[t], (ulong)t, t % 3, 0.7, t);
            if (t % 997 == 0)
            {
                var saved = Save(one);
                var other = new EvidenceBank(reference);
                other.Restore(saved);
                Assert.Equal(saved, Save(other));
                for (var s = t + 1; s < Math.Min(t + 300, stream.Length); s++)
                {
                    other.Update(stream[s], (ulong)s, s % 3, 0.7, s);
                }

                var again = new EvidenceBank(reference);
                again.Restore(saved);
                one = again;
                var ahead = new EvidenceBank(reference);
                ahead.Restore(saved);
                for (var s = t + 1; s < Math.Min(t + 300, stream.Length); s++)
                {
                    ahead.Update(stream[s], (ulong)s, s % 3, 0.7, s);
                }

                Assert.Equal(Save(other), Save(ahead));
            }
        }
    }

    [Fact]
    public void Truncated_or_foreign_state_is_refused()
    {
        var reference = StreamReference.Numeric(Samples.Gaussian(8, 500));
        var bank = new EvidenceBank(reference);
        bank.Update(0.3, 1, 0, 1, 0);
        var saved = Save(bank);
        for (var length = 0; length < saved.Length; length++)
        {
            Assert.Throws<InvalidDataException>(() => new EvidenceBank(reference).Restore(saved.AsSpan(0, length)));
        }

        Assert.Throws<InvalidDataException>(() => new EvidenceBank(StreamReference.Numeric(Samples.Gaussian(8, 100))).Restore(saved));
        Assert.Throws<InvalidDataException>(() => new EvidenceBank(reference).Restore([.. saved, 0]));
    }

    /// <summary>"Since" names the change within the spread that 0.5σ allows.</summary>
    [Fact]
    public void Since_points_to_the_change()
    {
        var starts = new List<long>();
        for (var seed = 0; seed < 20; seed++)
        {
            var bank = new EvidenceBank(StreamReference.Numeric(Samples.Gaussian(seed, 2_000)));
            var stream = Samples.Gaussian(100 + seed, 5_000);
            for (var t = 0; t < stream.Length && bank.Value < 1e5; t++)
            {
                bank.Update(t < 2_000 ? stream[t] : stream[t] + 1, (ulong)t, 0, 1, t);
            }

            Assert.True(bank.Value >= 1e5);
            starts.Add(bank.Since);
        }

        starts.Sort();
        Assert.InRange(starts[10], 1_950, 2_050);
    }

    /// <summary>After a restart the evidence is 0 and the urns are kept: the state differs from a new bank's only there.</summary>
    [Fact]
    public void Restart_keeps_the_urns()
    {
        var bank = new EvidenceBank(StreamReference.Numeric(Samples.Gaussian(8, 2_000)));
        foreach (var value in Samples.Gaussian(9, 40_000, 0.5))
        {
            bank.Update(value, 1, 0, 1, 0);
        }

        bank.Restart();
        Assert.Equal(0, bank.Value);
        Assert.Equal(-1, bank.Since);

        // The urn has learned the shifted values, so more of them are no evidence: a new bank would reach 1e6 in 200.
        foreach (var value in Samples.Gaussian(10, 1_000, 0.5))
        {
            bank.Update(value, 1, 0, 1, 0);
            Assert.True(bank.Value < 1e5);
        }
    }

    /// <summary>What cannot be bet on: missing values and slots without reference. Time passes, evidence does not move.</summary>
    [Fact]
    public void Missing_and_uncovered_draws_are_not_bet_on()
    {
        var values = Samples.Gaussian(8, 300);
        var slots = Enumerable.Range(0, 300).Select(i => i < 290 ? 0 : 1).ToArray();
        var reference = StreamReference.Numeric(values, slots, 3);
        Assert.True(reference.Covers(0));
        Assert.False(reference.Covers(1));
        Assert.False(reference.Covers(2));
        var bank = new EvidenceBank(reference);
        bank.Update(double.NaN, 1, 0, 3, 0);
        Assert.Equal(0, bank.UncoveredDraws);
        bank.Update(9, 1, 1, 4, 1);
        Assert.Equal(1, bank.UncoveredDraws);
        bank.Update(9, 1, 17, 5, 2);
        Assert.Equal(2, bank.UncoveredDraws);
        Assert.Equal(0, bank.Draws);
        Assert.Equal(12, bank.Value, 1e-12);
    }

    [Fact]
    public void Extreme_input_saturates_and_never_breaks()
    {
        var bank = new EvidenceBank(StreamReference.Numeric(Samples.Gaussian(8, 2_000)), new EvidenceOptions { Tolerance = 0 });
        double[] hostile = [double.PositiveInfinity, double.NegativeInfinity, double.MaxValue, double.Epsilon, -0.0, double.NaN];
        for (var t = 0; t < 20_000; t++)
        {
            bank.Update(hostile[t % hostile.Length], (ulong)t, 0, t % 2 == 0 ? 0 : 1e9, t);
            Assert.True(double.IsFinite(bank.Value) && bank.Value >= 0);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => bank.Update(0, 0, 0, -1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => bank.Update(0, 0, 0, double.NaN, 0));
        Assert.Throws<ArgumentException>(() => new EvidenceBank(StreamReference.Numeric(Samples.Gaussian(8, 2_000)), new EvidenceOptions { Tolerance = 1 }));
        Assert.Throws<ArgumentException>(() => new EvidenceBank(StreamReference.Numeric(Samples.Gaussian(8, 2_000)), new EvidenceOptions { Forgetting = [] }));
    }

    [Fact]
    public void A_draw_allocates_nothing()
    {
        var bank = new EvidenceBank(StreamReference.Numeric(Samples.Gaussian(8, 2_000)));
        var stream = Samples.Gaussian(9, 10_000, 0.3);
        for (var t = 0; t < 5_000; t++)
        {
            bank.Update(stream[t], (ulong)t, 0, 1, t);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var t = 5_000; t < stream.Length; t++)
        {
            bank.Update(stream[t], (ulong)t, 0, 1, t);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <summary>A category never seen in the reference is evidence within a few draws; rare known ones are not.</summary>
    [Fact]
    public void Unseen_categories_are_found()
    {
        var random = new Random(11);
        var reference = StreamReference.Categorical([.. Enumerable.Range(0, 3_000).Select(_ => s_values[random.Next(5)])]);
        var bank = new EvidenceBank(reference);
        for (var t = 0; t < 1_000; t++)
        {
            bank.Update(s_values[random.Next(5)], (ulong)t, 0, 1, t);
        }

        Assert.True(bank.Value < 1e4);
        var needed = 0;
        while (bank.Value < 1e4)
        {
            needed++;
            bank.Update(needed % 5 == 0 ? 99 : s_values[random.Next(5)], 0, 0, 1, 0);
        }

        Assert.InRange(needed, 1, 40);
    }

    /// <summary>Few draws per period: tolerated bets have r = 1 and SR is a clock that strikes about once per period; the horizon stops it (docs/adr/0031).</summary>
    [Fact]
    public void With_the_horizon_a_calm_stream_does_not_alarm_like_a_clock()
    {
        const double Level = 2_000;
        int Crossings(EvidenceOptions options)
        {
            var crossings = 0;
            for (var seed = 0; seed < 10; seed++)
            {
                var bank = new EvidenceBank(StreamReference.Numeric(Samples.Gaussian(seed, 5_000)), options);
                foreach (var value in Samples.Gaussian(1_000 + seed, 2_000))
                {
                    // Ten units of time a draw: 200 draws a period.
                    bank.Update(value, 1, 0, 10, 0);
                    if (bank.Value >= Level)
                    {
                        crossings++;
                        bank.Restart();
                    }
                }
            }

            return crossings;
        }

        var clock = Crossings(new EvidenceOptions());
        var withHorizon = Crossings(new EvidenceOptions().ForLevel(Level));
        Assert.True(clock >= 30, $"{clock} of 100 allowed");
        Assert.True(withHorizon <= clock / 3, $"{withHorizon} against {clock}");
    }

    private static byte[] Save(EvidenceBank bank)
    {
        var buffer = new ArrayBufferWriter<byte>();
        bank.Save(buffer);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>max Σ p·r over {p : (1 − δ)π ≤ p ≤ (1 + δ)π, Σp = 1}: the spare mass goes to the best bins first.</summary>
    private static double WorstExpectation(double[] r, double[] pi, double tolerance)
    {
        var spare = tolerance;
        var expectation = 0.0;
        foreach (var (increment, share) in r.Zip(pi).OrderByDescending(x => x.First))
        {
            var extra = Math.Min(spare, 2 * tolerance * share);
            spare -= extra;
            expectation += increment * (((1 - tolerance) * share) + extra);
        }

        return expectation;
    }
}
