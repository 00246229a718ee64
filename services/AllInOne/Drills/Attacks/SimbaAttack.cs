namespace Monitoring.AllInOne.Drills;

/// <summary>
/// Simple black-box attack (Guo, Gardner, You, Wilson and Weinberger, ICML 2019): one orthonormal direction after the other, pixels or low-frequency
/// cosines, kept where the probability of the victim's class falls.
/// </summary>
internal sealed class SimbaAttack(bool cosines, double step = 0.3) : IEvasionAttack
{
    public string Name => cosines ? "simba-dct" : "simba-pixel";

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var side = (int)Math.Round(Math.Sqrt(session.Width));
        var directions = Enumerable.Range(0, session.Width).ToArray();
        session.Random.Shuffle(directions);
        if (cosines)
        {
            // Low frequencies first, in random order within a band.
            directions = [.. directions.OrderBy(d => Math.Max(d / side, d % side) / 4)];
        }

        var current = (float[])victim.Clone();
        var best = double.PositiveInfinity;
        foreach (var direction in directions)
        {
            var vector = cosines ? Vectors.Cosine(direction / side, direction % side, side) : Pixel(direction, session.Width);
            foreach (var sign in new[] { 1, -1 })
            {
                var candidate = Vectors.AddClipped(current, vector, sign * step);
                var answer = await session.AskAsync(candidate).ConfigureAwait(false);
                if (Vectors.ArgMax(answer) != label)
                {
                    session.Reached(1);
                    return candidate;
                }

                if (answer[label] < best)
                {
                    best = answer[label];
                    current = candidate;
                    break;
                }
            }
        }

        return null;
    }

    private static float[] Pixel(int index, int width)
    {
        var vector = new float[width];
        vector[index] = 1;
        return vector;
    }
}
