namespace Monitoring.Replay.Evidence;

/// <summary>What a bundle is to hold.</summary>
internal sealed record ExportRequest
{
    public required string Purpose { get; init; }

    /// <summary>Every record with <c>From ≤ offset &lt; To</c>.</summary>
    public IReadOnlyList<LogRange> Ranges { get; init; } = [];

    /// <summary>Single records.</summary>
    public IReadOnlyList<RecordPosition> Records { get; init; } = [];

    /// <summary>Chain roots seen earlier (in notifications), to be proved prefixes of today's chain; 64 hexadecimal digits.</summary>
    public IReadOnlyList<string> EarlierRoots { get; init; } = [];

    /// <summary>The configuration file's bytes; they must hold no secrets, as the product's own configuration does not.</summary>
    public ReadOnlyMemory<byte>? Configuration { get; init; }

    /// <summary>Model files by <c>name@version</c>: their SHA-256 goes into the manifest.</summary>
    public IReadOnlyDictionary<string, string> ModelFiles { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Further files for the reader, for example an explanation's heat map.</summary>
    public IReadOnlyDictionary<string, byte[]> Attachments { get; init; } = new Dictionary<string, byte[]>(StringComparer.Ordinal);
}
