using System.Buffers;
using Monitoring.Statistics;

namespace Monitoring.Benchmarks.Budget;

/// <summary>RUNTIME 7, lines 7 and 10.</summary>
internal static class ManyLines
{
    /// <summary>
    /// 1,000 models × 5 monitors × 50 clients on one receiver: half of each monitor's share watches the pool, half its clients by
    /// appearance. Every pool stream sees 1,000 draws in the period, its clients 20 each. The budget is 10 per that period, to have
    /// something to count.
    /// </summary>
    public static IEnumerable<BudgetLine> Many(double scale)
    {
        const double BudgetAlarms = 10;
        const int PoolDraws = 1_000;
        const int Clients = 50;
        foreach (var (id, options) in new[] { ("7a", Simulation.Equality), ("7b", Simulation.Default) })
        {
            var models = Simulation.Scaled(1_000, scale);
            var streams = 0L;
            var alarms = 0L;
            for (var model = 0; model < models; model++)
            {
                for (var monitor = 0; monitor < 5; monitor++)
                {
                    var random = new Random((model * 5) + monitor);
                    var reference = StreamReference.Numeric(Simulation.Gaussians(random, 1_000));
                    var share = 0.5 / models / 5;
                    var level = PoolDraws / (BudgetAlarms * share);
                    alarms += Simulation.Crossings(new EvidenceBank(reference, options.ForLevel(level)), level, PoolDraws, _ => Simulation.Gaussian(random), seed: model);
                    streams++;
                    for (var client = 0; client < Clients; client++)
                    {
                        const int Draws = PoolDraws / Clients;
                        var clientLevel = Draws / (BudgetAlarms * share * BudgetSplit.ByAppearance(client));
                        alarms += Simulation.Crossings(new EvidenceBank(reference, options.ForLevel(clientLevel)), clientLevel, Draws, _ => Simulation.Gaussian(random), seed: client);
                        streams++;
                    }
                }
            }

            yield return Simulation.Alarms(id, $"{models:N0} models × 5 monitors × (pool + 50 clients) on one receiver of {BudgetAlarms} per period, δ = {options.Tolerance}", BudgetAlarms, alarms, $"{streams:N0} streams");
        }

        // The same split with levels that ordinary noise reaches often: b = 1 alarm per stream, to see that Σ b_i bounds the sum.
        var total = Simulation.Scaled(2_000, scale, 100);
        var crossings = 0L;
        for (var stream = 0; stream < total; stream++)
        {
            var random = new Random(70_000 + stream);
            crossings += Simulation.Crossings(new EvidenceBank(StreamReference.Numeric(Simulation.Gaussians(random, 1_000)), Simulation.Equality), 1_000, 1_000, _ => Simulation.Gaussian(random), seed: stream);
        }

        yield return Simulation.Alarms("7c", "streams that own one alarm per 1,000 draws each, δ = 0", total, crossings, $"{total:N0} streams × 1,000 draws");
    }

    /// <summary>Determinism: the same draws, interrupted and restored at random moments, give the same canonical bytes and the same alarms.</summary>
    public static IEnumerable<BudgetLine> Replay(double scale)
    {
        var runs = Simulation.Scaled(20, scale, 3);
        var different = 0;
        for (var run = 0; run < runs; run++)
        {
            var undisturbed = Play(run, int.MaxValue);
            different += Play(run, 400).AsSpan().SequenceEqual(undisturbed) ? 0 : 1;
        }

        yield return new BudgetLine("10a", "evidence and admission state saved and restored at random moments: canonical bytes and alarms differ from an undisturbed run", 0, different, Simulation.PoissonInterval(different), "runs that differ", different == 0, $"{runs} runs × 20,000 events");
    }

    private static byte[] Play(int seed, int restoreEvery)
    {
        var random = new Random(100_000 + seed);
        var moments = new Random(seed);
        var variables = Enumerable.Range(0, 3).Select(i => new EvidenceVariable($"v{i}", "g", StreamReference.Numeric(Simulation.Gaussians(random, 1_000)))).ToArray();
        var monitor = new GroupedEvidence(variables, 1e4);
        var admission = new AdmissionRule(new AdmissionSettings { SessionGapMs = 300, AutocorrelationMs = 1_000, MaxClients = 40 });
        var log = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(log);
        var last = 0L;
        for (var t = 0; t < 20_000; t++)
        {
            var shift = t is > 5_000 and < 6_000 ? 1 : 0;
            double[] values = [Simulation.Gaussian(random) + shift, Simulation.Gaussian(random), Simulation.Gaussian(random)];
            if (admission.Offer((ulong)random.Next(50), (ulong)random.Next(1, 5_000), t * 10L) == Admission.Draw)
            {
                if (monitor.Update(values, (ulong)t, 0, (t - last) / 3.0, t) == LatchEvent.Alarm)
                {
                    writer.WriteCount(t);
                    writer.WriteDouble(monitor.Value);
                    writer.WriteSigned(monitor.Since);
                }

                last = t;
            }

            if (restoreEvery < int.MaxValue && moments.Next(restoreEvery) == 0)
            {
                var state = new ArrayBufferWriter<byte>();
                monitor.Save(state);
                monitor = new GroupedEvidence(variables, 1e4);
                monitor.Restore(state.WrittenSpan);
                var admissionState = new ArrayBufferWriter<byte>();
                admission.Save(admissionState);
                admission = new AdmissionRule(new AdmissionSettings { SessionGapMs = 300, AutocorrelationMs = 1_000, MaxClients = 40 });
                admission.Restore(admissionState.WrittenSpan);
            }
        }

        monitor.Save(writer);
        admission.Save(writer);
        return log.WrittenSpan.ToArray();
    }
}
