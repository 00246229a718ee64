namespace Monitoring.AllInOne.Drills;

/// <summary>SignHunter (Al-Dujaili and O'Reilly, ICLR 2020), L∞: signs of the gradient by divide and conquer: a block of signs is flipped, and stays so where the probability of the victim's class falls.</summary>
/// <param name="epsilon">Radius.</param>
internal sealed class SignHunterAttack(double epsilon = 0.2) : IEvasionAttack
{
    public string Name => "signhunter";

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var signs = new float[session.Width];
        Array.Fill(signs, 1);
        var best = double.PositiveInfinity;
        for (var level = 0; ; level++)
        {
            var size = Math.Max(1, session.Width >> level);
            for (var start = 0; start < session.Width; start += size)
            {
                Flip(signs, start, size);
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
                    Flip(signs, start, size);
                }
            }
        }
    }

    private static void Flip(float[] signs, int start, int size)
    {
        for (var i = start; i < Math.Min(signs.Length, start + size); i++)
        {
            signs[i] = -signs[i];
        }
    }
}
