using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Extraction;

/// <summary>Options of <c>query-budget</c>.</summary>
public sealed record QueryBudgetOptions
{
    [Range(1, 1_000_000_000), Description("Distinct queries that one client may ask in a period; some thousands copy a small model.")]
    public int Queries { get; init; } = 5_000;

    [Range(1, 1_000_000_000), Description("Distinct queries of all clients of one cohort (address prefix, key family) in a period.")]
    public int Cohort { get; init; } = 20_000;

    [Description("The period.")]
    public TimeSpan Period { get; init; } = TimeSpan.FromDays(30);

    [Range(100, 10_000_000), Description("Clients and cohorts watched at once; beyond, the one silent longest is forgotten and counted.")]
    public int Clients { get; init; } = 100_000;
}
