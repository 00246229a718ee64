namespace Monitoring.AllInOne.Drills;

/// <summary>One query: an example made on the attacker's own network, trained on its own data, and transferred.</summary>
internal sealed class TransferAttack(TransferMethod method, SurrogateNetwork surrogate, double epsilon = 0.2) : IEvasionAttack
{
    private const int PatchSide = 7;

    public string Name => method switch
    {
        TransferMethod.FastGradientSign => "transfer-fgsm",
        TransferMethod.ProjectedGradient => "transfer-pgd",
        _ => "transfer-patch",
    };

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var example = (float[])victim.Clone();
        if (method == TransferMethod.Patch)
        {
            Patch(example, label);
        }
        else
        {
            var steps = method == TransferMethod.FastGradientSign ? 1 : 10;
            var step = method == TransferMethod.FastGradientSign ? epsilon : epsilon / 4;
            for (var s = 0; s < steps; s++)
            {
                var gradient = surrogate.Gradient(example, label);
                for (var i = 0; i < example.Length; i++)
                {
                    var moved = example[i] + (step * Math.Sign(gradient[i]));
                    example[i] = (float)Math.Clamp(Math.Clamp(moved, victim[i] - epsilon, victim[i] + epsilon), 0, 1);
                }
            }
        }

        if (await session.LabelAsync(example).ConfigureAwait(false) == label)
        {
            return null;
        }

        session.Reached(1);
        return example;
    }

    private void Patch(float[] example, int label)
    {
        var side = (int)Math.Round(Math.Sqrt(example.Length));
        var gradient = surrogate.Gradient(example, label);
        var (best, top, left) = (double.NegativeInfinity, 0, 0);
        for (var y = 0; y + PatchSide <= side; y++)
        {
            for (var x = 0; x + PatchSide <= side; x++)
            {
                double gain = 0;
                for (var i = 0; i < PatchSide * PatchSide; i++)
                {
                    var place = ((y + (i / PatchSide)) * side) + x + (i % PatchSide);
                    gain += Math.Max(gradient[place] * (1 - example[place]), -gradient[place] * example[place]);
                }

                if (gain > best)
                {
                    (best, top, left) = (gain, y, x);
                }
            }
        }

        for (var i = 0; i < PatchSide * PatchSide; i++)
        {
            var place = ((top + (i / PatchSide)) * side) + left + (i % PatchSide);
            example[place] = gradient[place] > 0 ? 1 : 0;
        }
    }
}
