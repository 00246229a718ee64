using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>No surrogate and no search: the victim mixed with one of the attacker's own images after the other, at most a third of it, until the model changes its mind.</summary>
internal sealed class MixingAttack(double most = 0.35) : IEvasionAttack
{
    public string Name => "mixing";

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        while (true)
        {
            var mixed = Vectors.Blend(victim, others[session.Random.Next(others.Count)], most * (0.5 + (0.5 * session.Random.NextDouble())));
            if (await session.LabelAsync(mixed).ConfigureAwait(false) != label)
            {
                session.Reached(1);
                return mixed;
            }
        }
    }
}
