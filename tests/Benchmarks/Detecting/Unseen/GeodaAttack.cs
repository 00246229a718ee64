using System.Numerics.Tensors;
using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>GeoDA (Rahmati, Moosavi-Dezfooli, Frossard and Dai, CVPR 2020), L2: the boundary is taken for flat, its normal estimated in a subspace of low frequencies, and the point sought along the normal from the victim.</summary>
internal sealed class GeodaAttack(double goal = 2) : DecisionAttack(goal)
{
    private const int Frequencies = 9;
    private const int FirstProbes = 60;
    private const double Probe = 0.02;

    public override string Name => "geoda";

    protected override async ValueTask<float[]?> ApproachAsync(AttackSession session, float[] victim, int label, float[] start)
    {
        var side = (int)Math.Round(Math.Sqrt(session.Width));
        float[][] waves = [.. Enumerable.Range(0, Frequencies * Frequencies).Select(w => Vectors.Cosine(w / Frequencies, w % Frequencies, side))];
        var current = await BisectAsync(session, victim, label, start, 0.005).ConfigureAwait(false);
        for (var probes = FirstProbes; !IsThere(session, victim, current); probes = (int)(probes * 1.5))
        {
            var normal = new float[session.Width];
            for (var probe = 0; probe < probes; probe++)
            {
                var mixture = new float[session.Width];
                foreach (var wave in waves)
                {
                    TensorPrimitives.MultiplyAdd(wave, (float)session.Gaussian(), mixture, mixture);
                }

                var isAdversarial = await IsAdversarialAsync(session, Vectors.AddClipped(current, mixture, Probe), label).ConfigureAwait(false);
                TensorPrimitives.MultiplyAdd(mixture, isAdversarial ? 1f : -1f, normal, normal);
            }

            normal = Vectors.Unit(normal);
            for (var length = 0.5; ; length *= 1.5)
            {
                var far = Vectors.AddClipped(victim, normal, length);
                if (await IsAdversarialAsync(session, far, label).ConfigureAwait(false))
                {
                    var closer = await BisectAsync(session, victim, label, far, 0.005).ConfigureAwait(false);
                    current = Vectors.Distance(victim, closer) < Vectors.Distance(victim, current) ? closer : current;
                    break;
                }

                if (length > Vectors.Distance(victim, current))
                {
                    break;
                }
            }
        }

        return current;
    }
}
