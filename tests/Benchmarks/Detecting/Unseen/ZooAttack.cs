using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>ZOO (Chen, Zhang, Sharma, Yi and Hsieh, AISec 2017): symmetric differences of one coordinate after the other, each with an ADAM of its own; sixteen coordinates a step, then a look.</summary>
internal sealed class ZooAttack : IEvasionAttack
{
    private const int AtOnce = 16;
    private const double Probe = 1e-3;
    private const double Rate = 0.2;

    public string Name => "zoo";

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var current = (float[])victim.Clone();
        var (mean, square, steps) = (new double[session.Width], new double[session.Width], new int[session.Width]);
        while (true)
        {
            for (var k = 0; k < AtOnce; k++)
            {
                var i = session.Random.Next(session.Width);
                var slope = (await LossAsync(i, Probe).ConfigureAwait(false) - await LossAsync(i, -Probe).ConfigureAwait(false)) / (2 * Probe);
                steps[i]++;
                mean[i] = (0.9 * mean[i]) + (0.1 * slope);
                square[i] = (0.999 * square[i]) + (0.001 * slope * slope);
                var (m, v) = (mean[i] / (1 - Math.Pow(0.9, steps[i])), square[i] / (1 - Math.Pow(0.999, steps[i])));
                current[i] = (float)Math.Clamp(current[i] - (Rate * m / (Math.Sqrt(v) + 1e-8)), 0, 1);
            }

            if (await session.LabelAsync(current).ConfigureAwait(false) != label)
            {
                session.Reached(1);
                return current;
            }
        }

        async ValueTask<double> LossAsync(int place, double by)
        {
            var probe = (float[])current.Clone();
            probe[place] += (float)by;
            var answer = await session.AskAsync(probe).ConfigureAwait(false);
            return Math.Log(Math.Max(1e-12, answer[label])) - Math.Log(Math.Max(1e-12, 1 - answer[label]));
        }
    }
}
