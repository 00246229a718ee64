namespace Monitoring.AllInOne.Drills;

/// <summary>Another attack whose every query is changed on the way: rounded as an image file rounds, compressed, or redrawn a little turned and moved, so that no two look alike.</summary>
/// <param name="name">Name in reports.</param>
/// <param name="inner">The attack.</param>
/// <param name="mask">What is sent for what the attack asks.</param>
internal sealed class MaskedAttack(string name, IEvasionAttack inner, Func<float[], Random, float[]> mask) : IEvasionAttack
{
    public string Name { get; } = name;

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        float[] sent = victim;
        var masked = new AttackSession(
            (inputs, rows) =>
            {
                float[][] changed = [.. Enumerable.Range(0, rows).Select(r => mask(inputs.AsSpan(r * session.Width, session.Width).ToArray(), session.Random))];
                sent = changed[^1];
                return session.AskAsync(Vectors.Stack(changed), rows);
            },
            session.Width,
            session.Classes,
            session.Budget - session.Used,
            session.Random.Next());
        var found = await inner.RunAsync(masked, victim, label, others).ConfigureAwait(false);
        if (masked.SucceededAt is not null)
        {
            session.Reached(1);
        }

        // What deceived the model is what was sent.
        return found is null ? null : sent;
    }
}
