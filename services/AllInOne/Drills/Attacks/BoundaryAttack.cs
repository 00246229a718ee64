namespace Monitoring.AllInOne.Drills;

/// <summary>Boundary attack (Brendel, Rauber and Bethge, ICLR 2018): random steps along the sphere around the victim, then towards it, both adapted to how often they succeed.</summary>
internal sealed class BoundaryAttack(double goal = 2) : DecisionAttack(goal)
{
    public override string Name => "boundary";

    protected override async ValueTask<float[]?> ApproachAsync(AttackSession session, float[] victim, int label, float[] start)
    {
        var current = await BisectAsync(session, victim, label, start, 0.01).ConfigureAwait(false);
        double along = 0.1, towards = 0.1;
        var alongHits = new Queue<bool>();
        var towardsHits = new Queue<bool>();
        while (!IsThere(session, victim, current))
        {
            var distance = Vectors.Distance(victim, current);
            var noise = session.GaussianVector();
            var norm = Math.Sqrt(noise.Sum(v => (double)v * v));
            var sphere = Vectors.AddClipped(current, noise, along * distance / norm);

            // Back to the sphere of the current distance.
            var length = Vectors.Distance(victim, sphere);
            sphere = Vectors.Blend(victim, sphere, distance / length);
            var isAdversarial = await IsAdversarialAsync(session, sphere, label).ConfigureAwait(false);
            along *= Adapt(alongHits, isAdversarial);
            if (!isAdversarial)
            {
                continue;
            }

            var closer = Vectors.Blend(sphere, victim, towards);
            isAdversarial = await IsAdversarialAsync(session, closer, label).ConfigureAwait(false);
            towards = Math.Min(0.5, towards * Adapt(towardsHits, isAdversarial));
            current = isAdversarial ? closer : sphere;
        }

        return current;
    }

    private static double Adapt(Queue<bool> hits, bool hit)
    {
        hits.Enqueue(hit);
        if (hits.Count < 10)
        {
            return 1;
        }

        var rate = hits.Count(h => h) / (double)hits.Count;
        hits.Clear();
        return rate > 0.5 ? 1.5 : rate < 0.2 ? 0.67 : 1;
    }
}
