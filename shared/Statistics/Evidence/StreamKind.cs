namespace Monitoring.Statistics;

/// <summary>What the numbers of a stream mean.</summary>
public enum StreamKind
{
    /// <summary>Ordered numbers: bins are atoms and intervals between reference order statistics.</summary>
    Numeric,

    /// <summary>Codes without order (<see cref="Mixing.CategoryCode"/>, or an index): bins are categories, groups of rare ones, and "unseen".</summary>
    Categorical,
}
