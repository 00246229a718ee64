namespace Monitoring.AllInOne.Drills;

/// <summary>Square attack (Andriushchenko, Croce, Flammarion and Hein, ECCV 2020), L∞: random squares of ±ε on stripes, kept where the margin falls.</summary>
/// <param name="name">Name in reports.</param>
/// <param name="epsilon">Radius.</param>
/// <param name="share">Share of pixels of the first square; halves as the published schedule says.</param>
/// <param name="masking">Standard deviation of noise laid over every query so that queries differ; 0 for none.</param>
internal sealed class SquareAttack(string name, double epsilon = 0.2, double share = 0.5, double masking = 0) : IEvasionAttack
{
    private static readonly int[] s_halvings = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];

    public string Name { get; } = name;

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var side = (int)Math.Round(Math.Sqrt(session.Width));
        var current = (float[])victim.Clone();
        for (var x = 0; x < side; x++)
        {
            var sign = session.Random.Next(2) == 0 ? -epsilon : epsilon;
            for (var y = 0; y < side; y++)
            {
                current[(y * side) + x] = Math.Clamp(victim[(y * side) + x] + (float)sign, 0f, 1f);
            }
        }

        var best = double.PositiveInfinity;
        for (var iteration = 0; ; iteration++)
        {
            var candidate = current;
            if (iteration > 0)
            {
                candidate = (float[])current.Clone();
                var part = masking > 0 ? share : share / Math.Pow(2, s_halvings.Count(h => iteration * (10_000.0 / session.Budget) > h));
                var size = Math.Clamp((int)Math.Round(Math.Sqrt(part * side * side)), 1, side - 1);
                var top = session.Random.Next(side - size);
                var left = session.Random.Next(side - size);
                var sign = session.Random.Next(2) == 0 ? -epsilon : epsilon;
                for (var y = top; y < top + size; y++)
                {
                    for (var x = left; x < left + size; x++)
                    {
                        candidate[(y * side) + x] = Math.Clamp(victim[(y * side) + x] + (float)sign, 0f, 1f);
                    }
                }
            }

            var asked = masking > 0 ? Vectors.AddClipped(candidate, session.GaussianVector(), masking) : candidate;
            var answer = await session.AskAsync(asked).ConfigureAwait(false);
            if (Vectors.ArgMax(answer) != label)
            {
                session.Reached(1);
                return asked;
            }

            if (answer[label] < best)
            {
                best = answer[label];
                current = candidate;
            }
        }
    }
}
