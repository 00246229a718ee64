using System.Buffers;

namespace Monitoring.Statistics.Tests;

public sealed class GroupedEvidenceTests
{
    private static GroupedEvidence Monitor(double level = 1e5) => new(
        [
            .. Enumerable.Range(0, 5).Select(i => new EvidenceVariable($"v{i}", i < 4 ? "many" : "one", StreamReference.Numeric(Samples.Gaussian(i, 2_000)))),
        ],
        level);

    [Fact]
    public void Evidence_is_the_group_weighted_mean_of_SR_values()
    {
        var monitor = Monitor();
        var random = new Random(1);
        for (var t = 0; t < 500; t++)
        {
            monitor.Update(Draw(random, 0), (ulong)t, 0, 1, t);
            var expected = (0.5 * Enumerable.Range(0, 4).Average(i => monitor[i].Value)) + (0.5 * monitor[4].Value);
            Assert.Equal(1, monitor.Value / expected, 1e-12);
        }

        Assert.Equal(1, monitor.Contributions().Sum(c => c.Share), 1e-12);
    }

    /// <summary>One alarm per change; the changed variable is named; it re-arms after a whole calm window and alarms again.</summary>
    [Fact]
    public void Alarms_once_names_the_variable_and_rearms_after_calm()
    {
        var monitor = Monitor();
        var random = new Random(2);
        var events = new List<(int Time, LatchEvent What)>();
        var shares = new double[5];
        var named = -1;
        for (var t = 0; t < 30_000; t++)
        {
            var shifted = t is (>= 1_000 and < 1_600) or >= 20_000;
            var seen = monitor.Update(Draw(random, shifted ? 1 : 0), (ulong)t, 0, 1, t, shares);
            if (seen is LatchEvent.Alarm or LatchEvent.Rearmed)
            {
                events.Add((t, seen));
            }

            if (seen == LatchEvent.Alarm && named < 0)
            {
                named = Array.IndexOf(shares, shares.Max());
                Assert.Equal(1, shares.Sum(), 1e-12);
                Assert.True(monitor.Value >= monitor.Level);
                Assert.InRange(monitor.Since, 900, 1_100);
            }
        }

        Assert.Equal([LatchEvent.Alarm, LatchEvent.Rearmed, LatchEvent.Alarm], events.Take(3).Select(e => e.What));
        Assert.InRange(events[0].Time, 1_000, 1_300);
        Assert.True(events[1].Time >= events[0].Time + 2_000);
        Assert.InRange(events[2].Time, 20_000, 20_500);
        Assert.Equal(4, named);
    }

    [Fact]
    public void State_moves_between_processes_bit_for_bit()
    {
        var one = Monitor();
        var random = new Random(3);
        for (var t = 0; t < 1_500; t++)
        {
            one.Update(Draw(random, t < 1_000 ? 0 : 1), (ulong)t, 0, 1, t);
        }

        var other = Monitor();
        other.Restore(Save(one));
        Assert.False(other.IsArmed);
        Assert.Equal(Save(one), Save(other));
        for (var t = 1_500; t < 2_500; t++)
        {
            var draw = Draw(random, 0);
            Assert.Equal(one.Update(draw, (ulong)t, 0, 1, t), other.Update(draw, (ulong)t, 0, 1, t));
        }

        Assert.Equal(Save(one), Save(other));
        Assert.Throws<InvalidDataException>(() => Monitor().Restore(Save(one).AsSpan(0, 100)));
    }

    private static double[] Draw(Random random, double shiftOfLast)
    {
        double[] draw = [.. Enumerable.Range(0, 5).Select(_ => random.Gaussian())];
        draw[4] += shiftOfLast;
        return draw;
    }

    private static byte[] Save(GroupedEvidence monitor)
    {
        var buffer = new ArrayBufferWriter<byte>();
        monitor.Save(buffer);
        return buffer.WrittenSpan.ToArray();
    }
}
