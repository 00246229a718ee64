namespace Monitoring.Statistics;

/// <summary>The one or two columns that carry a change.</summary>
/// <param name="Columns">Their indices, ascending.</param>
/// <param name="Auroc">How well rows of the two sides are told apart by them: ½ is chance.</param>
/// <param name="AllAuroc">The same by all changed columns together.</param>
public sealed record CarryingColumns(IReadOnlyList<int> Columns, double Auroc, double AllAuroc)
{
    /// <summary>Their part of what tells the sides apart, 0 to 1.</summary>
    public double Share => Math.Min(1, (Auroc - 0.5) / (AllAuroc - 0.5));
}
