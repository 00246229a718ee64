namespace Monitoring.Replay.Evidence;

/// <summary>What the verifier knows from elsewhere.</summary>
internal sealed record VerificationRequest
{
    /// <summary>Id of the key that must have signed: SHA-256 of its SubjectPublicKeyInfo, hexadecimal.</summary>
    public string? TrustedKeyId { get; init; }

    /// <summary>Chain roots read elsewhere, for example in notifications, that the log must still contain.</summary>
    public IReadOnlyList<string> KnownRoots { get; init; } = [];

    /// <summary>SHA-256 of model files at hand by <c>name@version</c>.</summary>
    public IReadOnlyDictionary<string, string> ModelHashes { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>SHA-256 of profile files at hand by the name in the manifest.</summary>
    public IReadOnlyDictionary<string, string> ProfileHashes { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
}
