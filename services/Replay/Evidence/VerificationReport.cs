namespace Monitoring.Replay.Evidence;

/// <summary>The outcome of a verification.</summary>
internal sealed record VerificationReport
{
    /// <summary>Nothing was changed, added or left out, as far as the bundle's own key can say.</summary>
    public bool Valid => Failures.Count == 0;

    /// <summary>The key was compared with one that the caller trusts. Without it anybody may have made the bundle.</summary>
    public required bool Anchored { get; init; }

    public string? KeyId { get; init; }

    public string? Purpose { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>Records proved by a signed checkpoint.</summary>
    public required int SealedRecords { get; init; }

    /// <summary>Records of a tail that was not sealed yet: vouched for by the bundle's signature only.</summary>
    public required int UnsealedRecords { get; init; }

    public required IReadOnlyList<VerificationFailure> Failures { get; init; }
}

/// <summary>One thing that is wrong.</summary>
/// <param name="Check">What was checked, kebab-case, permanent: for example <c>record-changed</c>.</param>
/// <param name="Where">The file, record, segment or key concerned.</param>
/// <param name="Detail">What is wrong with it.</param>
internal sealed record VerificationFailure(string Check, string Where, string Detail);
