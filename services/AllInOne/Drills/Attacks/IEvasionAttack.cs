namespace Monitoring.AllInOne.Drills;

/// <summary>Looks for an input close to a victim that the model takes for something else, by asking the model.</summary>
internal interface IEvasionAttack
{
    string Name { get; }

    /// <summary>
    /// Runs until the goal is reached or the budget is spent; calls <see cref="AttackSession.Reached"/> as it goes.
    /// </summary>
    /// <param name="session">Whom it asks.</param>
    /// <param name="victim">Input in [0, 1] that the model gets right.</param>
    /// <param name="label">The model's class of the victim.</param>
    /// <param name="others">Inputs of other classes that the attacker owns.</param>
    /// <returns>The adversarial input, or null.</returns>
    ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others);
}
