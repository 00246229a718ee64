using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// Splits a receiver's budget over everything routed to it (RUNTIME 3): equal parts per model, within a model by the monitors' weights. Where models
/// may appear that nobody listed, they own one part together, given out by order of appearance.
/// </summary>
public static class BudgetPlan
{
    /// <summary>Shares of monitors; they sum to at most 1.</summary>
    /// <param name="models">For each model routed to the receiver, the weights of its monitors in all groups; positive.</param>
    /// <param name="unlisted">Weights of the monitors that an unlisted model gets; empty when such models are not watched.</param>
    /// <returns>Shares in the same shape, and those of the unlisted models' common part.</returns>
    public static (IReadOnlyList<double[]> Models, double[] Unlisted) Split(IReadOnlyList<IReadOnlyList<double>> models, IReadOnlyList<double> unlisted)
    {
        var parts = models.Count(m => m.Count > 0) + (unlisted.Count > 0 ? 1 : 0);
        return ([.. models.Select(Of)], Of(unlisted));

        double[] Of(IReadOnlyList<double> weights) =>
            weights.Count == 0 ? [] : [.. BudgetSplit.ByWeight([.. weights]).Select(share => share / parts)];
    }
}
