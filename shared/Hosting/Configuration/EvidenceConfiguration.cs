using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Hosting.Configuration;

/// <summary>Section <c>evidence</c>: how the log is sealed.</summary>
public sealed record EvidenceConfiguration
{
    [Range(16, 65_536), Description("Records of a partition that are sealed together: a signed Merkle root over them, chained to the one before.")]
    public int SegmentRecords { get; init; } = 4096;

    [Description("Age after which records are sealed though fewer have come.")]
    public TimeSpan SegmentAge { get; init; } = TimeSpan.FromMinutes(1);
}
