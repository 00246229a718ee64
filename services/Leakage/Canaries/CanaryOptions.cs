using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Leakage;

/// <summary>Options of <c>canary</c>.</summary>
public sealed record CanaryOptions
{
    [Required, Description("File of planted texts, one a line, as 'canary create' writes it.")]
    public string File { get; init; } = "";
}
