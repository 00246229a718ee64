using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Leakage;

/// <summary>Options of <c>precision</c>.</summary>
public sealed record PrecisionOptions
{
    [Range(0, 6), Description("Most decimals that an answer may carry; 0 allows labels only.")]
    public int Decimals { get; init; } = 2;
}
