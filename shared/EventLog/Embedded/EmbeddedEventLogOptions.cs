using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.EventLog.Embedded;

/// <summary>Settings of the embedded log.</summary>
public sealed record EmbeddedEventLogOptions
{
    [Required]
    [Description("Folder that holds the log: one folder per topic in it, one SQLite file per segment.")]
    public string Directory { get; init; } = "";

    [Description("What an acknowledged append survives: 'process' (kill -9) or 'power' (power cuts too; slower).")]
    public LogDurability Durability { get; init; } = LogDurability.Process;

    [Range(64L * 1024, 64L * 1024 * 1024 * 1024)]
    [Description("A segment file is closed above this many bytes; retention removes whole segments.")]
    public long SegmentBytes { get; init; } = 256L * 1024 * 1024;

    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    [Description("A segment file is closed when it is older than this.")]
    public TimeSpan SegmentAge { get; init; } = TimeSpan.FromHours(1);

    [Range(1000, 64 * 1024 * 1024)]
    [Description("Largest record in bytes: key, value and headers.")]
    public int MaxRecordBytes { get; init; } = 1_000_000;

    [Range(64L * 1024, 16L * 1024 * 1024 * 1024)]
    [Description("Newest records kept in memory, in bytes over all topics: groups at the tail read from there, not from disk.")]
    public long TailBytes { get; init; } = 64L * 1024 * 1024;

    [Range(64L * 1024, 16L * 1024 * 1024 * 1024)]
    [Description("Bytes that may wait for the disk; above it appends wait to be accepted.")]
    public long MaxPendingBytes { get; init; } = 64L * 1024 * 1024;

    [Range(64L * 1024, 1024L * 1024 * 1024)]
    [Description("Size of a write-ahead log at which it is written back to its segment file.")]
    public long WalBytes { get; init; } = 8L * 1024 * 1024;

    [Range(typeof(TimeSpan), "00:00:00.1", "1.00:00:00")]
    [Description("How often retention and compaction look for work.")]
    public TimeSpan MaintenanceInterval { get; init; } = TimeSpan.FromSeconds(10);

    [Range(typeof(TimeSpan), "00:00:00.1", "1.00:00:00")]
    [Description("How long the owner of a partition may take to hand it over; then it is taken away and the owner may write nothing more.")]
    public TimeSpan HandoverTimeout { get; init; } = TimeSpan.FromSeconds(150);

    [Range(typeof(TimeSpan), "00:00:00", "365.00:00:00")]
    [Description("How long tombstones of compacted topics are kept, so that readers see the deletion.")]
    public TimeSpan TombstoneAge { get; init; } = TimeSpan.FromDays(1);

    [Description("Opens the log for reading while another process may be writing it.")]
    public bool ReadOnly { get; init; }

    /// <summary>Pages that a segment file may have; makes "disk full" testable.</summary>
    internal int? MaxPagesPerSegment { get; init; }
}
