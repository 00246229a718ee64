namespace Monitoring.AllInOne.Drills;

/// <summary>Another attack with one class as its goal: it is told "the victim's class" for whatever is not the target, so that an attack which flees a class seeks one.</summary>
/// <param name="inner">The attack.</param>
internal sealed class TargetedAttack(IEvasionAttack inner) : IEvasionAttack
{
    public string Name => inner.Name + "-targeted";

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        // The target is the class of the attacker's own image, which is where decision attacks begin.
        var (start, target) = (victim, label);
        while (target == label)
        {
            start = others[session.Random.Next(others.Count)];
            target = await session.LabelAsync(start).ConfigureAwait(false);
        }

        var seeking = new AttackSession(
            async (inputs, rows) =>
            {
                var answers = await session.AskAsync(inputs, rows).ConfigureAwait(false);
                for (var row = 0; row < rows; row++)
                {
                    var answer = answers.AsSpan(row * session.Classes, session.Classes);
                    var (reached, share) = (Vectors.ArgMax(answer) == target, answer[target]);
                    answer.Clear();
                    (answer[label], answer[target]) = reached ? (1 - Math.Max(share, 0.501f), Math.Max(share, 0.501f)) : (1 - Math.Min(share, 0.499f), Math.Min(share, 0.499f));
                }

                return answers;
            },
            session.Width,
            session.Classes,
            session.Budget - session.Used,
            session.Random.Next());
        var found = await inner.RunAsync(seeking, victim, label, [start]).ConfigureAwait(false);
        if (seeking.SucceededAt is not null)
        {
            session.Reached(1);
        }

        return found;
    }
}
