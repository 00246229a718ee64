using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>Parsimonious attack (Moon, An and Song, ICML 2019), L∞: every block of the image is at +ε or −ε, and local search flips blocks, then blocks half as large.</summary>
internal sealed class ParsimoniousAttack(double epsilon = 0.2) : IEvasionAttack
{
    public string Name => "parsimonious";

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var side = (int)Math.Round(Math.Sqrt(session.Width));
        var signs = new float[session.Width];
        Array.Fill(signs, -1);
        var best = double.PositiveInfinity;
        for (var block = 7; ; block = Math.Max(1, block / 2))
        {
            var across = (side + block - 1) / block;
            var order = Enumerable.Range(0, across * across).ToArray();
            session.Random.Shuffle(order);
            foreach (var place in order)
            {
                Flip(place);
                var candidate = Vectors.AddClipped(victim, signs, epsilon);
                var answer = await session.AskAsync(candidate).ConfigureAwait(false);
                if (Vectors.ArgMax(answer) != label)
                {
                    session.Reached(1);
                    return candidate;
                }

                if (answer[label] < best)
                {
                    best = answer[label];
                }
                else
                {
                    Flip(place);
                }
            }

            void Flip(int place)
            {
                for (var y = place / across * block; y < Math.Min(side, ((place / across) + 1) * block); y++)
                {
                    for (var x = place % across * block; x < Math.Min(side, ((place % across) + 1) * block); x++)
                    {
                        signs[(y * side) + x] = -signs[(y * side) + x];
                    }
                }
            }
        }
    }
}
