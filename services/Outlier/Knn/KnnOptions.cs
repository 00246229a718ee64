using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>Options of <c>knn</c>.</summary>
public sealed record KnnOptions : RowOutlierOptions
{
    [Description("Neighbours looked at.")]
    [Range(1, 1000)]
    public int K { get; set; } = 5;

    [Description("Which summary of the k distances is the score: largest, mean or median.")]
    public NeighbourDistance Method { get; set; } = NeighbourDistance.Largest;

    [Description("How neighbours are found: auto (graphs on a GPU and among many columns, else vectors), graph or vectors. The scores are the same.")]
    public NeighbourSearchKind Search { get; set; } = NeighbourSearchKind.Auto;
}
