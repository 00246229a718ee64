namespace Monitoring.Inference;

/// <summary>What became of an append to the spool.</summary>
internal enum SpoolResult
{
    Written,

    /// <summary>More than <c>spoolMaxBytes</c> wait already.</summary>
    Full,

    /// <summary>The disk refused.</summary>
    DiskError,
}
