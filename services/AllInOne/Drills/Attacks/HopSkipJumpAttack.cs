using System.Numerics.Tensors;

namespace Monitoring.AllInOne.Drills;

/// <summary>
/// HopSkipJump (Chen, Jordan and Wainwright, IEEE S&amp;P 2020), L2: bisect to the boundary, estimate its normal from labels of random probes, jump, repeat. With probes of low frequencies only it is QEBA (Li, Xu, Zhang, Yang and
/// Li, CVPR 2020).
/// </summary>
/// <param name="goal">L2 distance that counts as success.</param>
/// <param name="firstProbes">Probes of the first estimate.</param>
/// <param name="widening">Factor on the probes' length.</param>
/// <param name="frequencies">Cosine waves a side that probes are made of; 0 for probes of all pixels.</param>
internal sealed class HopSkipJumpAttack(double goal = 2, int firstProbes = 50, double widening = 1, int frequencies = 0) : DecisionAttack(goal)
{
    public override string Name => frequencies > 0 ? "qeba" : widening > 1 ? "adaptive-hopskipjump" : "hopskipjump";

    protected override async ValueTask<float[]?> ApproachAsync(AttackSession session, float[] victim, int label, float[] start)
    {
        var tolerance = 0.01;
        var side = (int)Math.Round(Math.Sqrt(session.Width));
        float[][] waves = [.. Enumerable.Range(0, frequencies * frequencies).Select(w => Vectors.Cosine(w / frequencies, w % frequencies, side))];
        var current = await BisectAsync(session, victim, label, start, tolerance).ConfigureAwait(false);
        for (var iteration = 1; !IsThere(session, victim, current); iteration++)
        {
            var distance = Vectors.Distance(victim, current);
            var delta = widening * (iteration == 1 ? 0.1 * distance / Math.Sqrt(session.Width) * 4 : distance * Math.Sqrt(session.Width) * tolerance / session.Width * 10);
            var count = Math.Min(500, (int)(firstProbes * Math.Sqrt(iteration)));
            var probes = new float[count * session.Width];
            var directions = new float[count][];
            for (var p = 0; p < count; p++)
            {
                directions[p] = waves.Length > 0 ? Mix(session, waves) : session.GaussianVector();
                Vectors.AddClipped(current, directions[p], delta).CopyTo(probes, p * session.Width);
            }

            var answers = await session.AskAsync(probes, count).ConfigureAwait(false);
            var signs = new double[count];
            for (var p = 0; p < count; p++)
            {
                signs[p] = Vectors.ArgMax(answers.AsSpan(p * session.Classes, session.Classes)) != label ? 1 : -1;
            }

            var mean = signs.Average();
            var normal = new float[session.Width];
            for (var p = 0; p < count; p++)
            {
                var weight = Math.Abs(mean) > 0.999 ? signs[p] : signs[p] - mean;
                for (var i = 0; i < normal.Length; i++)
                {
                    normal[i] += (float)(weight * directions[p][i]);
                }
            }

            var norm = Math.Sqrt(normal.Sum(v => (double)v * v));
            var step = distance / Math.Sqrt(iteration);
            float[] jumped;
            do
            {
                step /= 2;
                jumped = Vectors.AddClipped(current, normal, step / norm);
            }
            while (step > 1e-3 && !await IsAdversarialAsync(session, jumped, label).ConfigureAwait(false));

            if (step > 1e-3)
            {
                current = await BisectAsync(session, victim, label, jumped, tolerance).ConfigureAwait(false);
            }
        }

        return current;
    }

    /// <summary>A random mixture of waves, as long as a normal vector of all pixels is.</summary>
    private static float[] Mix(AttackSession session, float[][] waves)
    {
        var mixture = new float[session.Width];
        foreach (var wave in waves)
        {
            TensorPrimitives.MultiplyAdd(wave, (float)session.Gaussian(), mixture, mixture);
        }

        var scale = (float)(Math.Sqrt(session.Width) / TensorPrimitives.Norm<float>(mixture));
        return Array.ConvertAll(mixture, v => v * scale);
    }
}
