namespace Monitoring.AllInOne.Drills;

/// <summary>Base of attacks that see labels only: they start from an input of another class and come closer; the goal is an L2 distance.</summary>
internal abstract class DecisionAttack(double goal) : IEvasionAttack
{
    /// <summary>L2 distance that counts as success.</summary>
    protected double Goal { get; } = goal;

    public abstract string Name { get; }

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        foreach (var start in others.OrderBy(_ => session.Random.Next()).Take(10))
        {
            if (await IsAdversarialAsync(session, start, label).ConfigureAwait(false))
            {
                return await ApproachAsync(session, victim, label, start).ConfigureAwait(false);
            }
        }

        return null;
    }

    protected abstract ValueTask<float[]?> ApproachAsync(AttackSession session, float[] victim, int label, float[] start);

    protected static async ValueTask<bool> IsAdversarialAsync(AttackSession session, float[] input, int label) =>
        await session.LabelAsync(input).ConfigureAwait(false) != label;

    /// <summary>Bisects the line to the victim; returns an adversarial point within the tolerance of the boundary.</summary>
    protected static async ValueTask<float[]> BisectAsync(AttackSession session, float[] victim, int label, float[] adversarial, double tolerance)
    {
        double near = 0, far = 1;
        while (far - near > tolerance)
        {
            var middle = (near + far) / 2;
            if (await IsAdversarialAsync(session, Vectors.Blend(victim, adversarial, middle), label).ConfigureAwait(false))
            {
                far = middle;
            }
            else
            {
                near = middle;
            }
        }

        return Vectors.Blend(victim, adversarial, far);
    }

    /// <summary>States how close it has come; true when close enough.</summary>
    protected bool IsThere(AttackSession session, float[] victim, float[] adversarial)
    {
        var there = Vectors.Distance(victim, adversarial) <= Goal;
        if (there)
        {
            session.Reached(1);
        }

        return there;
    }
}
