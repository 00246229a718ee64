using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Drift;

/// <summary>Options of <c>jensen-shannon</c>.</summary>
public sealed record JensenShannonOptions : WindowTestOptions
{
    [Description("Bins of equal reference share for numeric columns.")]
    [Range(2, 1000)]
    public int Bins { get; set; } = 10;
}
