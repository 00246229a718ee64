using System.Buffers;
using Monitoring.Statistics;

namespace Monitoring.Extraction.Tests;

/// <summary>Bets on strangeness: fair for clients that are as everybody, and for those that differ as an urn of the concentration does.</summary>
public sealed class StrangeTailsTests
{
    [Fact]
    public void Bets_are_fair_where_nothing_was_seen_and_for_every_history_of_the_urn()
    {
        var tails = Fit(1, out _);
        foreach (var history in new long[][] { [0, 0, 0, 0, 0, 0], [3, 0, 5, 0, 1, 0], [0, 0, 0, 0, 0, 40], [900, 10, 0, 2, 0, 0] })
        {
            var draws = history.Sum();
            for (var power = 0; power < StrangeTails.Powers.Length; power++)
            {
                var expected = Enumerable.Range(0, StrangeTails.Bins).Sum(bin =>
                    ((tails.Concentration * tails.Masses[bin]) + history[bin]) / (tails.Concentration + draws) * Math.Exp(tails.Increment(power, bin, history[bin], draws)));
                Assert.Equal(1, expected, 9);
            }
        }
    }

    [Fact]
    public void Bins_hold_their_shares_within_each_class_and_strange_ones_pay()
    {
        var tails = Fit(2, out var random);
        var counts = new int[StrangeTails.Bins];
        for (var i = 0; i < 20_000; i++)
        {
            var predicted = random.Next(3);
            counts[tails.BinOf(Draw(random, predicted), predicted)]++;
        }

        Assert.InRange(counts[0] / 20_000.0, 0.55, 0.65);
        Assert.InRange(counts[5] / 20_000.0, 0.008, 0.035);
        Assert.True(tails.Increment(1, 5, 0, 0) > tails.Increment(0, 5, 0, 0));
        Assert.True(tails.Increment(0, 5, 0, 0) > 0.5);
        Assert.True(tails.Increment(1, 0, 0, 0) < 0);

        // The hundredth strange one says less than the first: a client may be like that.
        Assert.True(tails.Increment(1, 5, 100, 100) < tails.Increment(1, 5, 0, 0));
    }

    [Fact]
    public void Numbers_that_are_all_the_same_are_never_strange_and_written_tails_are_read_back()
    {
        var same = StrangeTails.Fit([.. Enumerable.Repeat(2f, 500)], [.. Enumerable.Repeat(0, 500)], [.. Enumerable.Repeat("", 500)]);
        Assert.Equal(0, same.BinOf(2, 0));
        Assert.InRange(same.Increment(1, same.BinOf(3, 0), 0, 0), 0, 12);
        Assert.Equal(0, StrangeTails.Fit([], [], []).BinOf(1e9, 4));

        var tails = Fit(3, out _);
        var output = new ArrayBufferWriter<byte>();
        tails.Write(new CanonicalWriter(output));
        var reader = new CanonicalReader(output.WrittenSpan);
        var read = StrangeTails.Read(ref reader);
        reader.ExpectEnd();
        Assert.Equal(tails.Increment(1, 4, 2, 9), read.Increment(1, 4, 2, 9));
        Assert.Equal(tails.BinOf(1.7, 1), read.BinOf(1.7, 1));
        Assert.Throws<InvalidDataException>(() =>
        {
            var broken = new CanonicalReader([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            StrangeTails.Read(ref broken);
        });
    }

    [Fact]
    public void Clients_that_differ_lower_the_concentration_and_alike_ones_do_not_raise_it_beyond_a_stock_of_inputs()
    {
        var random = new Random(4);
        StrangeTails Of(double differ)
        {
            var (values, classes, clients) = (new List<float>(), new List<int>(), new List<string>());
            for (var client = 0; client < 40; client++)
            {
                var shift = differ * (random.NextDouble() - 0.5);
                for (var i = 0; i < 60; i++)
                {
                    values.Add((float)(random.NextDouble() + shift));
                    classes.Add(0);
                    clients.Add("c" + client);
                }
            }

            return StrangeTails.Fit(values, classes, clients);
        }

        Assert.InRange(Of(0).Concentration, 150, StrangeTails.MostConcentration);
        Assert.InRange(Of(1.5).Concentration, 1, 40);
    }

    private static StrangeTails Fit(int seed, out Random random)
    {
        var dice = random = new Random(seed);
        int[] classes = [.. Enumerable.Range(0, 3_000).Select(i => i % 3)];
        return StrangeTails.Fit([.. classes.Select(c => Draw(dice, c))], classes, [.. classes.Select((_, i) => "c" + (i % 40))]);
    }

    /// <summary>Classes differ in place and width.</summary>
    private static float Draw(Random random, int predicted) => (float)(predicted + ((1 + predicted) * -Math.Log(1 - random.NextDouble())));
}
