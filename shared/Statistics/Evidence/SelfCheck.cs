namespace Monitoring.Statistics;

/// <summary>
/// Replay of a held-out clean part through a monitor fitted on the rest (RUNTIME 5): where it breaks the budget, the monitor
/// is uncalibrated — shown, never paging. A held-out part is shorter than the budget's period, so besides the level itself
/// lower levels are looked at, T/4, T and 4·T draws, where a calm stream alarms at most 4, 1 and ¼ times on average.
/// </summary>
/// <param name="Draws">Draws replayed.</param>
/// <param name="Checks">Level, alarms allowed on average, the most that pass (Poisson, 1 in 1,000), alarms seen.</param>
/// <param name="UncoveredDraws">Draws in slots that the reference does not cover.</param>
public sealed record SelfCheck(long Draws, IReadOnlyList<SelfCheck.LevelCheck> Checks, long UncoveredDraws)
{
    /// <summary>Whether the monitor may page.</summary>
    public bool Calibrated => UncoveredDraws == 0 && Checks.All(c => c.Alarms <= c.Most);

    /// <summary>Runs the replay.</summary>
    /// <param name="variables">The monitor's variables, fitted without the held-out part.</param>
    /// <param name="level">The monitor's level.</param>
    /// <param name="heldOut">Clean draws in log order, held out from the fit.</param>
    /// <param name="options">Constants of the banks.</param>
    /// <param name="groupWeights">Weights of the groups.</param>
    public static SelfCheck Run(IReadOnlyList<EvidenceVariable> variables, double level, IReadOnlyList<EvidenceDraw> heldOut, EvidenceOptions? options = null, IReadOnlyDictionary<string, double>? groupWeights = null)
    {
        var time = heldOut.Sum(d => d.Elapsed);
        var checks = new List<LevelCheck>();
        var uncovered = 0L;
        foreach (var at in new[] { time / 4, time, 4 * time, level }.Where(l => l > 1).Distinct())
        {
            var monitor = new GroupedEvidence(variables, at, options, groupWeights);
            var alarms = 0L;
            for (var i = 0; i < heldOut.Count; i++)
            {
                var draw = heldOut[i];

                // Silent crossings count too: the check asks for the rate of crossings, not of pages.
                if (monitor.Update(draw.Values, draw.Tie, draw.Slot, draw.Elapsed, i) is LatchEvent.Alarm or LatchEvent.StillAlarmed)
                {
                    alarms++;
                }
            }

            uncovered = Math.Max(uncovered, monitor.UncoveredDraws);
            checks.Add(new LevelCheck(at, time / at, PoissonQuantile(time / at), alarms));
        }

        return new SelfCheck(heldOut.Count, checks, uncovered);
    }

    /// <summary>Smallest count that a Poisson number with this mean exceeds with probability below 1 in 1,000.</summary>
    internal static long PoissonQuantile(double mean)
    {
        var term = Math.Exp(-mean);
        var sum = term;
        long count = 0;
        while (sum < 0.999)
        {
            count++;
            term *= mean / count;
            sum += term;
        }

        return count;
    }

    /// <summary>One level of the check.</summary>
    public readonly record struct LevelCheck(double Level, double Allowed, long Most, long Alarms);
}
