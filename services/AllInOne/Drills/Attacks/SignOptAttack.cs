using System.Numerics.Tensors;

namespace Monitoring.AllInOne.Drills;

/// <summary>Sign-OPT (Cheng, Singh, Chen, Chen, Liu and Hsieh, ICLR 2020), L2, labels only: gradient of the distance to the boundary along a direction, from the sign of its change alone, one query a probe.</summary>
/// <param name="goal">L2 distance that counts as success.</param>
/// <param name="probes">Probes of an estimate.</param>
internal sealed class SignOptAttack(double goal = 2, int probes = 40) : DecisionAttack(goal)
{
    private const double Smoothing = 0.001;

    public override string Name => "sign-opt";

    protected override async ValueTask<float[]?> ApproachAsync(AttackSession session, float[] victim, int label, float[] start)
    {
        var current = await BisectAsync(session, victim, label, start, 0.005).ConfigureAwait(false);
        var step = 0.2;
        while (!IsThere(session, victim, current))
        {
            var distance = Vectors.Distance(victim, current);
            var direction = new float[session.Width];
            TensorPrimitives.Subtract(current, victim, direction);
            direction = Vectors.Unit(direction);
            var gradient = new float[session.Width];
            for (var probe = 0; probe < probes; probe++)
            {
                var noise = Vectors.Unit(session.GaussianVector());
                var moved = new float[session.Width];
                TensorPrimitives.MultiplyAdd(noise, (float)(Smoothing * Math.Sqrt(session.Width)), direction, moved);

                // Adversarial at the old distance: the boundary is nearer that way.
                var sign = await IsAdversarialAsync(session, Vectors.AddClipped(victim, Vectors.Unit(moved), distance), label).ConfigureAwait(false) ? -1f : 1f;
                TensorPrimitives.MultiplyAdd(noise, sign / probes, gradient, gradient);
            }

            gradient = Vectors.Unit(gradient);
            var turned = new float[session.Width];
            TensorPrimitives.MultiplyAdd(gradient, (float)-step, direction, turned);
            turned = Vectors.Unit(turned);
            var candidate = Vectors.AddClipped(victim, turned, distance);
            if (await IsAdversarialAsync(session, candidate, label).ConfigureAwait(false))
            {
                current = await BisectAsync(session, victim, label, candidate, 0.005).ConfigureAwait(false);
                step = Math.Min(0.5, step * 1.5);
            }
            else
            {
                step = Math.Max(0.01, step * 0.7);
            }
        }

        return current;
    }
}
