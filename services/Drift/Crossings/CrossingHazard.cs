using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>
/// How often a primed detector crosses on clean data, by its age in looks: the upper end of a three-sigma interval over simulated runs of
/// clean values drawn with replacement, the worse of both signs of a shift that the reference's finite size cannot rule out.
/// </summary>
internal static class CrossingHazard
{
    /// <summary>Ages at which the next class of ages begins; crossings are commoner or rarer in a young detector.</summary>
    public static readonly int[] AgeLimits = [8, 64];

    private const int RunLooks = 256;

    public static int Classes => AgeLimits.Length + 1;

    public static int ClassOf(long age)
    {
        var of = 0;
        while (of < AgeLimits.Length && age >= AgeLimits[of])
        {
            of++;
        }

        return of;
    }

    /// <param name="detector">A new detector.</param>
    /// <param name="primed">Its state after priming.</param>
    /// <param name="clean">Clean values that the priming did not use.</param>
    /// <param name="margin">Shift that is not yet a change.</param>
    /// <param name="stride">Values a look.</param>
    /// <param name="looks">Looks to simulate per sign.</param>
    /// <param name="seed">Seed of the draws.</param>
    /// <returns>Per class of ages.</returns>
    public static double[] Measure(ISequentialDetector detector, ReadOnlySpan<byte> primed, ReadOnlySpan<double> clean, double margin, int stride, int looks, ulong seed)
    {
        var hazard = new double[Classes];
        foreach (var shift in new[] { -margin, margin })
        {
            var looked = new int[Classes];
            var crossings = new int[Classes];
            var random = new Random(unchecked((int)(seed ^ (seed >> 32))));
            Restart(detector, primed);
            for (int look = 0, age = 0; look < looks; look++)
            {
                var crossed = false;
                for (var i = 0; i < stride && !crossed; i++)
                {
                    crossed = detector.Update(clean[random.Next(clean.Length)] + shift);
                }

                looked[ClassOf(age)]++;
                crossings[ClassOf(age)] += crossed ? 1 : 0;
                age++;
                if (crossed || age == RunLooks)
                {
                    Restart(detector, primed);
                    age = 0;
                }
            }

            for (var c = 0; c < hazard.Length; c++)
            {
                hazard[c] = Math.Max(hazard[c], (crossings[c] + (3 * Math.Sqrt(crossings[c] + 1))) / Math.Max(1, looked[c]));
            }
        }

        return [.. hazard.Select(h => Math.Min(h, 0.999))];
    }

    public static void Restart(ISequentialDetector detector, ReadOnlySpan<byte> primed)
    {
        var reader = new CanonicalReader(primed);
        detector.Restore(ref reader);
    }
}
