namespace Monitoring.AllInOne.Drills;

/// <summary>What one attacker sent while looking for an adversarial copy of one victim, and what it got.</summary>
/// <param name="Attack">Name of the attack.</param>
/// <param name="Queries">Every input, in order.</param>
/// <param name="SucceededAt">Queries to success; null without success.</param>
/// <param name="Found">The adversarial input; null without success.</param>
/// <param name="Distance">Its L2 distance; NaN without success.</param>
internal sealed record EvasionRecording(string Attack, IReadOnlyList<float[]> Queries, int? SucceededAt, float[]? Found, double Distance)
{
    /// <summary>Lets the attack run against an oracle with a budget and keeps what it sent.</summary>
    public static async ValueTask<EvasionRecording> RunAsync(IEvasionAttack attack, Oracle oracle, int classes, float[] victim, int label, IReadOnlyList<float[]> others, int budget, int seed)
    {
        var queries = new List<float[]>();
        var session = new AttackSession(
            (inputs, rows) =>
            {
                for (var row = 0; row < rows; row++)
                {
                    queries.Add(inputs.AsSpan(row * victim.Length, victim.Length).ToArray());
                }

                return oracle(inputs, rows);
            },
            victim.Length,
            classes,
            budget,
            seed);
        float[]? found = null;
        try
        {
            found = await attack.RunAsync(session, victim, label, others).ConfigureAwait(false);
        }
        catch (QueryBudgetSpentException)
        {
            // The attack ends where its budget ends.
        }

        return new EvasionRecording(attack.Name, queries, session.SucceededAt, found, found is null ? double.NaN : Vectors.Distance(victim, found));
    }
}
