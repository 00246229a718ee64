using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>One-pixel attack (Su, Vargas and Sakurai, IEEE TEC 2019) with five pixels: differential evolution over their places and values, no crossover.</summary>
internal sealed class FewPixelsAttack(int pixels = 5, int population = 20) : IEvasionAttack
{
    public string Name => "few-pixels";

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var side = (int)Math.Round(Math.Sqrt(session.Width));
        var members = Enumerable.Range(0, population).Select(_ => Enumerable.Range(0, pixels * 3).Select(_ => session.Random.NextDouble()).ToArray()).ToArray();
        var fitness = new double[population];
        Array.Fill(fitness, double.PositiveInfinity);
        for (var generation = 0; ; generation++)
        {
            for (var m = 0; m < population; m++)
            {
                var tried = members[m];
                if (generation > 0)
                {
                    var (a, b, c) = (members[session.Random.Next(population)], members[session.Random.Next(population)], members[session.Random.Next(population)]);
                    tried = [.. a.Select((v, i) => Math.Clamp(v + (0.5 * (b[i] - c[i])), 0, 0.999999))];
                }

                var candidate = (float[])victim.Clone();
                for (var p = 0; p < tried.Length; p += 3)
                {
                    candidate[((int)(tried[p] * side) * side) + (int)(tried[p + 1] * side)] = (float)tried[p + 2];
                }

                var answer = await session.AskAsync(candidate).ConfigureAwait(false);
                if (Vectors.ArgMax(answer) != label)
                {
                    session.Reached(1);
                    return candidate;
                }

                if (answer[label] <= fitness[m])
                {
                    (fitness[m], members[m]) = (answer[label], tried);
                }
            }
        }
    }
}
