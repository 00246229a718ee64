namespace Monitoring.Storage;

/// <summary>A client that was erased: its seal is not opened again while the log may still hold records from before. Only a hash is kept, so that the row names nobody.</summary>
public sealed class ErasedClient
{
    /// <summary>Of the sealed id, lower-case hexadecimal.</summary>
    public required string Sha256 { get; set; }

    public required long ErasedUnixNano { get; set; }

    /// <summary>When nothing from before the erasure is in the log any more.</summary>
    public required long UntilUnixNano { get; set; }
}
