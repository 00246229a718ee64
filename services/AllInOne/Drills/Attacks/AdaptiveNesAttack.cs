namespace Monitoring.AllInOne.Drills;

/// <summary>
/// NES that avoids near copies, as OARS does (Feng et al., CCS 2023) without an oracle in the responses: it owns a similarity detector of the same design under
/// another key and takes the smallest noise of which that detector links at most a tenth of the probes.
/// </summary>
internal sealed class AdaptiveNesAttack : IEvasionAttack
{
    private const int Probes = 20;

    public string Name => "adaptive-nes";

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var side = (int)Math.Round(Math.Sqrt(session.Width));
        var judge = side * side == session.Width ? new NearCopyJudge(side, session.Random) : null;
        double low = 0.02, high = 0.5;
        for (var round = 0; judge is not null && round < 6; round++)
        {
            var middle = (low + high) / 2;
            var linked = 0;
            for (var probe = 0; probe < Probes; probe++)
            {
                if (judge.AreNearCopies(Vectors.AddClipped(victim, session.GaussianVector(), middle), Vectors.AddClipped(victim, session.GaussianVector(), middle)))
                {
                    linked++;
                }
            }

            if (linked > Probes / 10)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return await new NesAttack(Name, high).RunAsync(session, victim, label, others).ConfigureAwait(false);
    }
}
