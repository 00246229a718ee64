namespace Monitoring.AllInOne.Drills;

/// <summary>GenAttack (Alzantot, Sharma, Chakraborty, Zhang, Hsieh and Srivastava, GECCO 2019), L∞: a small population of perturbations, parents drawn by fitness, crossover value by value, mutation.</summary>
/// <param name="epsilon">Radius.</param>
/// <param name="population">Members of a generation.</param>
/// <param name="mutation">Share of values that mutate.</param>
internal sealed class GeneticAttack(double epsilon = 0.2, int population = 6, double mutation = 0.05) : IEvasionAttack
{
    public string Name => "genattack";

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var random = session.Random;
        var members = Enumerable.Range(0, population).Select(_ => Mutate((float[])victim.Clone(), 1)).ToArray();
        while (true)
        {
            var answers = await session.AskAsync(Vectors.Stack(members), population).ConfigureAwait(false);
            var fitness = new double[population];
            for (var m = 0; m < population; m++)
            {
                var answer = answers.AsSpan(m * session.Classes, session.Classes);
                if (Vectors.ArgMax(answer) != label)
                {
                    session.Reached(1);
                    return members[m];
                }

                fitness[m] = -Math.Log(Math.Max(1e-12, answer[label]));
            }

            // Selection by the softmax of fitness at temperature 0.1; the fittest lives on.
            var greatest = fitness.Max();
            var weights = Array.ConvertAll(fitness, f => Math.Exp((f - greatest) / 0.1));
            var next = new float[population][];
            next[0] = members[Array.IndexOf(fitness, greatest)];
            for (var m = 1; m < population; m++)
            {
                var (one, other) = (Draw(weights), Draw(weights));
                var share = fitness[one] + fitness[other] > 0 ? fitness[one] / (fitness[one] + fitness[other]) : 0.5;
                next[m] = Mutate([.. members[one].Zip(members[other], (a, b) => random.NextDouble() < share ? a : b)], mutation);
            }

            members = next;
        }

        float[] Mutate(float[] member, double rate)
        {
            for (var i = 0; i < member.Length; i++)
            {
                if (random.NextDouble() < rate)
                {
                    member[i] += (float)(epsilon * ((2 * random.NextDouble()) - 1));
                }
            }

            Vectors.Project(member, victim, epsilon);
            return member;
        }

        int Draw(double[] weights)
        {
            var left = random.NextDouble() * weights.Sum();
            var drawn = 0;
            while (drawn < weights.Length - 1 && (left -= weights[drawn]) > 0)
            {
                drawn++;
            }

            return drawn;
        }
    }
}
