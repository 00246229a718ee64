namespace Monitoring.AllInOne.Drills;

/// <summary>
/// Bandits with time and data priors (Ilyas, Engstrom and Madry, ICLR 2019), L∞: the gradient's guess is kept from step to step, in tiles, and corrected by exponentiated gradients from one antithetic pair a step.
/// </summary>
/// <param name="epsilon">Radius.</param>
/// <param name="tile">Side of a tile in pixels; square images only, rows have tiles of one value.</param>
internal sealed class BanditsAttack(double epsilon = 0.2, int tile = 4) : IEvasionAttack
{
    private const double Probe = 0.1;
    private const double Exploration = 1;
    private const double PriorRate = 100;
    private const double Step = 0.02;

    public string Name => "bandits-td";

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var side = (int)Math.Round(Math.Sqrt(session.Width));
        var tiles = side * side == session.Width ? (side + tile - 1) / tile : 0;
        var prior = new double[tiles > 0 ? tiles * tiles : session.Width];
        var current = (float[])victim.Clone();
        while (true)
        {
            var noise = Array.ConvertAll(prior, _ => session.Gaussian() / Math.Sqrt(prior.Length));
            var plus = await LossAsync(session, current, Enlarge(prior, noise, Exploration), label).ConfigureAwait(false);
            var minus = await LossAsync(session, current, Enlarge(prior, noise, -Exploration), label).ConfigureAwait(false);
            var slope = (plus - minus) / (Probe * Exploration);
            for (var i = 0; i < prior.Length; i++)
            {
                var real = (prior[i] + 1) / 2;
                var (up, down) = (real * Math.Exp(PriorRate * slope * noise[i]), (1 - real) * Math.Exp(-PriorRate * slope * noise[i]));
                prior[i] = double.IsFinite(up + down) && up + down > 0 ? Math.Clamp((2 * up / (up + down)) - 1, -0.999, 0.999) : Math.Sign(slope * noise[i]) * 0.999;
            }

            current = Vectors.AddClipped(current, Array.ConvertAll(Enlarge(prior, noise, 0), v => (float)Math.Sign(v)), Step);
            Vectors.Project(current, victim, epsilon);
            if (await session.LabelAsync(current).ConfigureAwait(false) != label)
            {
                session.Reached(1);
                return current;
            }
        }

        // A tile's value on all of its pixels.
        float[] Enlarge(double[] values, double[] noise, double scale) =>
            [.. Enumerable.Range(0, session.Width).Select(i => tiles > 0 ? (i / side / tile * tiles) + (i % side / tile) : i).Select(t => (float)(values[t] + (scale * noise[t])))];
    }

    private static async ValueTask<double> LossAsync(AttackSession session, float[] current, float[] direction, int label) =>
        -Math.Log(Math.Max(1e-12, (await session.AskAsync(Vectors.AddClipped(current, Vectors.Unit(direction), Probe)).ConfigureAwait(false))[label]));
}
