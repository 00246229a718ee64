using System.Text.Json;
using System.Text.Json.Serialization;

namespace Monitoring.Replay.Evidence;

/// <summary>First file of a bundle: says what the bundle claims, and the hash of every other file. Its exact bytes are signed.</summary>
internal sealed record BundleManifest
{
    public const string CurrentFormat = "monitoring-evidence/1";

    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    public required string Format { get; init; }

    /// <summary>Why it was made, for example <c>incident 17</c>.</summary>
    public required string Purpose { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Product version that made it.</summary>
    public required string CreatedBy { get; init; }

    public required string KeyId { get; init; }

    public required IReadOnlyList<PartitionClaim> Partitions { get; init; }

    /// <summary>SHA-256 of the files and profiles that the findings name, by what they are.</summary>
    public required IReadOnlyList<NamedHash> Configurations { get; init; }

    public required IReadOnlyList<NamedHash> Models { get; init; }

    public required IReadOnlyList<NamedHash> Profiles { get; init; }

    public required IReadOnlyList<FileHash> Files { get; init; }

    /// <summary>What the bundle says about one partition. In a complete range no record of the log is left out; both its ends are records.</summary>
    internal sealed record PartitionClaim(string Topic, int Partition, int Records, IReadOnlyList<OffsetSpan> Complete);

    /// <summary>Offsets of the first and the last record.</summary>
    internal sealed record OffsetSpan(long First, long Last);

    internal sealed record NamedHash(string Name, string Sha256);

    internal sealed record FileHash(string Name, long Bytes, string Sha256);
}
