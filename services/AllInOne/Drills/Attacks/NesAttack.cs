namespace Monitoring.AllInOne.Drills;

/// <summary>
/// Projected gradient descent on an estimated gradient (natural evolution strategies: Ilyas, Engstrom, Athalye and Lin, ICML 2018): antithetic Gaussian
/// probes of deviation <paramref name="sigma"/>, signed steps inside an L∞ ball.
/// </summary>
internal sealed class NesAttack(string name, double sigma, double epsilon = 0.2, int pairs = 25, double step = 0.02) : IEvasionAttack
{
    public string Name { get; } = name;

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var current = (float[])victim.Clone();
        while (true)
        {
            var probes = new float[pairs * 2 * session.Width];
            var directions = new float[pairs][];
            for (var p = 0; p < pairs; p++)
            {
                directions[p] = session.GaussianVector();
                Vectors.AddClipped(current, directions[p], sigma).CopyTo(probes, 2 * p * session.Width);
                Vectors.AddClipped(current, directions[p], -sigma).CopyTo(probes, ((2 * p) + 1) * session.Width);
            }

            var answers = await session.AskAsync(probes, pairs * 2).ConfigureAwait(false);
            var gradient = new double[session.Width];
            for (var p = 0; p < pairs; p++)
            {
                var difference = Margin(answers, 2 * p, session.Classes, label) - Margin(answers, (2 * p) + 1, session.Classes, label);
                for (var i = 0; i < gradient.Length; i++)
                {
                    gradient[i] += difference * directions[p][i];
                }
            }

            for (var i = 0; i < current.Length; i++)
            {
                var moved = current[i] - (float)(step * Math.Sign(gradient[i]));
                current[i] = Math.Clamp(Math.Clamp(moved, victim[i] - (float)epsilon, victim[i] + (float)epsilon), 0f, 1f);
            }

            if (await session.LabelAsync(current).ConfigureAwait(false) != label)
            {
                session.Reached(1);
                return current;
            }
        }
    }

    private static double Margin(float[] answers, int row, int classes, int label) =>
        Math.Log(Math.Max(1e-12, answers[(row * classes) + label])) - Math.Log(Math.Max(1e-12, 1 - answers[(row * classes) + label]));
}
