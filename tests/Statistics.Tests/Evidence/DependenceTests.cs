using System.Buffers;

namespace Monitoring.Statistics.Tests;

public sealed class DependenceTests
{
    private static readonly AdmissionSettings s_settings = new() { SessionGapMs = 1_000, AutocorrelationMs = 10_000, RememberedPayloads = 2, MaxClients = 3 };

    [Fact]
    public void One_draw_per_client_and_burst()
    {
        var rule = new AdmissionRule(s_settings);
        Assert.Equal(Admission.Draw, rule.Offer(1, 0, 0));
        Assert.Equal(Admission.SameBurst, rule.Offer(1, 0, 500));
        Assert.Equal(Admission.Draw, rule.Offer(2, 0, 600));
        Assert.Equal(Admission.SameBurst, rule.Offer(1, 0, 1_499));
        Assert.Equal(Admission.Draw, rule.Offer(1, 0, 2_499));
        Assert.Equal(3, rule.Draws);
        Assert.Equal(5, rule.Events);
    }

    [Fact]
    public void A_client_that_never_pauses_draws_once_per_autocorrelation_time()
    {
        var rule = new AdmissionRule(s_settings);
        var draws = Enumerable.Range(0, 100).Count(i => rule.Offer(1, 0, i * 500) == Admission.Draw);
        Assert.Equal(5, draws);
    }

    [Fact]
    public void Exact_repeats_count_once_as_far_as_remembered()
    {
        var rule = new AdmissionRule(s_settings with { SessionGapMs = 0 });
        Assert.Equal(Admission.Draw, rule.Offer(1, 10, 0));
        Assert.Equal(Admission.Repeat, rule.Offer(1, 10, 5_000));
        Assert.Equal(Admission.Draw, rule.Offer(2, 10, 5_000));
        Assert.Equal(Admission.Draw, rule.Offer(1, 11, 5_000));
        Assert.Equal(Admission.Draw, rule.Offer(1, 12, 5_000));
        Assert.Equal(Admission.Draw, rule.Offer(1, 10, 5_000));
        Assert.Equal(1, rule.Repeats);
    }

    [Fact]
    public void Too_many_clients_forget_the_one_silent_longest()
    {
        var rule = new AdmissionRule(s_settings);
        for (ulong client = 1; client <= 4; client++)
        {
            rule.Offer(client, 0, (long)client);
        }

        Assert.Equal(1, rule.ForgottenClients);
        Assert.Equal(3, rule.Clients);
        Assert.Equal(Admission.Draw, rule.Offer(1, 0, 10));
        Assert.Equal(Admission.SameBurst, rule.Offer(3, 0, 10));
    }

    /// <summary>Said plainly: a list of clients, newest last, each with its payloads, newest first.</summary>
    [Theory]
    [InlineData(1, 4, 3)]
    [InlineData(2, 1, 40)]
    [InlineData(3, 8, 17)]
    [InlineData(4, 0, 5)]
    public void What_is_admitted_is_what_a_plain_list_admits(int seed, int remembered, int mostClients)
    {
        var random = new Random(seed);
        var settings = new AdmissionSettings { SessionGapMs = 30, AutocorrelationMs = 200, RememberedPayloads = remembered, MaxClients = mostClients };
        var rule = new AdmissionRule(settings);
        var clients = new List<(ulong Id, List<ulong> Payloads, long Last, long Drawn)>();
        var forgotten = 0;
        for (var t = 0; t < 20_000; t++)
        {
            var (id, payload, time) = ((ulong)random.Next(mostClients + 3) * 0x9E3779B97F4A7C15, (ulong)random.Next(12), 7L * t);
            var at = clients.FindIndex(c => c.Id == id);
            var client = at >= 0 ? clients[at] : (id, [], long.MinValue, long.MinValue);
            if (at >= 0)
            {
                clients.RemoveAt(at);
            }
            else if (clients.Count == mostClients)
            {
                clients.RemoveAt(0);
                forgotten++;
            }

            var seen = payload != 0 && client.Payloads.Remove(payload);
            if (payload != 0 && remembered > 0)
            {
                client.Payloads.Insert(0, payload);
                client.Payloads.RemoveRange(Math.Min(remembered, client.Payloads.Count), Math.Max(0, client.Payloads.Count - remembered));
            }

            var isNew = client.Drawn == long.MinValue;
            var expected = seen ? Admission.Repeat : isNew || time - client.Last >= 30 || time - client.Drawn >= 200 ? Admission.Draw : Admission.SameBurst;
            clients.Add((id, client.Payloads, time, expected == Admission.Draw ? time : client.Drawn));
            Assert.Equal(expected, rule.Offer(id, payload, time));
            if (t % 1_777 == 0)
            {
                var buffer = new ArrayBufferWriter<byte>();
                rule.Save(buffer);
                rule = new AdmissionRule(settings);
                rule.Restore(buffer.WrittenSpan);
            }
        }

        Assert.Equal(forgotten, rule.ForgottenClients);
        Assert.Equal(clients.Count, rule.Clients);
    }

    [Fact]
    public void Means_are_handed_out_when_the_burst_has_ended()
    {
        var rule = new BurstMeans(s_settings, 2);
        var drawn = new List<(ulong Tie, double[] Means)>();
        void Offer(ulong client, ulong payload, long time, params double[] values) =>
            rule.Offer(client, payload, 100 + client, time, values, (tie, means) => drawn.Add((tie, means.ToArray())));
        Offer(1, 1, 0, 1, 5);
        Offer(1, 2, 900, 3, double.NaN);
        Offer(2, 3, 950, 7, 7);
        Offer(1, 1, 1_000, 1, 5);
        Assert.Empty(drawn);
        Offer(3, 9, 1_990, 0, 0);
        Assert.Equal(102UL, Assert.Single(drawn).Tie);
        Offer(3, 9, 2_000, 0, 0);
        Assert.Equal(2, drawn.Count);
        Assert.Equal([2.0, 5.0], drawn[1].Means);
    }

    [Fact]
    public void States_are_canonical_and_go_on_alike()
    {
        var random = new Random(1);
        var rule = new AdmissionRule(s_settings);
        var means = new BurstMeans(s_settings, 1);
        var buffer = new ArrayBufferWriter<byte>();
        for (var t = 0; t < 2_000; t++)
        {
            var (client, payload, time) = ((ulong)random.Next(6), (ulong)random.Next(20), t * 100L);
            if (t % 500 == 100)
            {
                Swap();
            }

            rule.Offer(client, payload, time);
            means.Offer(client, payload, payload, time, [payload], (_, _) => { });
        }

        void Swap()
        {
            buffer.ResetWrittenCount();
            rule.Save(buffer);
            var restored = new AdmissionRule(s_settings);
            restored.Restore(buffer.WrittenSpan);
            var again = new ArrayBufferWriter<byte>();
            restored.Save(again);
            Assert.True(buffer.WrittenSpan.SequenceEqual(again.WrittenSpan));
            buffer.ResetWrittenCount();
            means.Save(buffer);
            var restoredMeans = new BurstMeans(s_settings, 1);
            restoredMeans.Restore(buffer.WrittenSpan);
            again.ResetWrittenCount();
            restoredMeans.Save(again);
            Assert.True(buffer.WrittenSpan.SequenceEqual(again.WrittenSpan));
            Assert.Throws<InvalidDataException>(() => new BurstMeans(s_settings, 1).Restore(again.WrittenSpan[..^1]));
        }
    }

    /// <summary>(1 + ρ)/(1 − ρ) for AR(1).</summary>
    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.5, 3)]
    [InlineData(0.7, 5.67)]
    public void Autocorrelation_time_of_an_autoregression_is_the_closed_form(double rho, double expected)
    {
        var random = new Random(2);
        var x = 0.0;
        var events = new DependentEvent[40_000];
        for (var t = 0; t < events.Length; t++)
        {
            x = (rho * x) + (Math.Sqrt(1 - (rho * rho)) * random.Gaussian());
            events[t] = new DependentEvent(1, t * 1_000L, (ulong)t + 1, x);
        }

        var fit = DependenceFit.Measure(events, StreamKind.Numeric);
        Assert.InRange(fit.AutocorrelationTime / expected, 0.85, 1.15);
        if (rho == 0)
        {
            Assert.Equal(0, fit.Admission.SessionGapMs);
        }
        else
        {
            // ρ^lag below a twentieth: 5 s and 9 s.
            Assert.InRange(fit.Admission.AutocorrelationMs, 1_000 * Math.Log(0.08) / Math.Log(rho), 1_000 * Math.Log(0.02) / Math.Log(rho));
        }
    }

    [Fact]
    public void Repeats_and_shares_are_counted()
    {
        var events = Enumerable.Range(0, 1_000).Select(i => new DependentEvent((ulong)(i % 4 == 0 ? 1 : 2), i, (ulong)((i / 8) + 1), i % 7)).ToArray();
        var fit = DependenceFit.Measure(events, StreamKind.Categorical);
        Assert.Equal(0.75, fit.LargestClientShare, 1e-9);
        Assert.Equal(1.6, fit.EffectiveClients, 1e-9);
        Assert.Equal(0.75, fit.RepeatShare, 1e-9);
        Assert.Throws<ArgumentException>(() => DependenceFit.Measure(events.AsSpan(0, 50), StreamKind.Numeric));
    }
}
