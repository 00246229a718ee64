using Microsoft.Extensions.DependencyInjection;
using Monitoring.EventLog;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Replay.Evidence;

/// <summary>Exports an incident's bundle from a running installation, verifies it as a stranger would, and then changes one bit of it to see that this is found.</summary>
public static class EvidenceCheck
{
    /// <summary>Runs the check.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="incident">Id of the incident.</param>
    /// <param name="file">Where the bundle is written.</param>
    /// <param name="roots">Chain roots printed in messages, to be proved part of the log's history.</param>
    /// <param name="seed">Which bit is flipped.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<EvidenceCheckResult> RunAsync(IServiceProvider services, string incident, string file, IReadOnlyList<string> roots, int seed, CancellationToken cancellationToken)
    {
        var configuration = services.GetRequiredService<LoadedConfiguration>();
        var log = services.GetRequiredService<IEventLog>();

        // The newest records are proved by a checkpoint, too.
        await services.GetRequiredService<OpenSegments>().SealAsync(TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
        using var key = SigningKey.OpenOrCreate(EvidenceService.KeyFile(configuration));
        var request = await BundleContents.GatherAsync(configuration, log, incident, [], [], "", roots, cancellationToken).ConfigureAwait(false);
        var bundle = await new BundleExporter(log, key, services.GetRequiredService<TimeProvider>()).ExportAsync(request, cancellationToken).ConfigureAwait(false);
        await File.WriteAllBytesAsync(file, bundle, cancellationToken).ConfigureAwait(false);

        var trust = new VerificationRequest { TrustedKeyId = key.Id, KnownRoots = roots };
        var report = BundleVerifier.Verify(await File.ReadAllBytesAsync(file, cancellationToken).ConfigureAwait(false), trust);
        var random = new Random(seed);
        var at = random.Next(bundle.Length);
        bundle[at] ^= (byte)(1 << random.Next(8));
        var tampered = BundleVerifier.Verify(bundle, trust);
        return new EvidenceCheckResult(
            file,
            bundle.Length,
            report.Valid,
            report.SealedRecords,
            report.UnsealedRecords,
            key.Id,
            [.. report.Failures.Select(Describe)],
            new TamperCheck(!tampered.Valid, at, tampered.Failures is [var first, ..] ? Describe(first) : ""));
    }

    private static string Describe(VerificationFailure failure) => $"{failure.Check}: {failure.Where}: {failure.Detail}";
}

/// <summary>The outcome of an <see cref="EvidenceCheck"/>.</summary>
/// <param name="Bundle">File of the bundle.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Verified">Nothing was changed, added or left out.</param>
/// <param name="SealedRecords">Records proved by a signed checkpoint.</param>
/// <param name="UnsealedRecords">Records vouched for by the bundle's signature only.</param>
/// <param name="KeyId">SHA-256 of the signer's public key.</param>
/// <param name="Failures">What is wrong with the bundle as exported; empty where it verifies.</param>
/// <param name="Tamper">The same bundle with one bit flipped.</param>
public sealed record EvidenceCheckResult(string Bundle, long Bytes, bool Verified, int SealedRecords, int UnsealedRecords, string KeyId, IReadOnlyList<string> Failures, TamperCheck Tamper);

/// <summary>Verification of a bundle with one bit flipped.</summary>
/// <param name="Detected">It no longer verifies.</param>
/// <param name="At">Byte of the file whose bit was flipped.</param>
/// <param name="What">What the verification named first: check, place, detail.</param>
public sealed record TamperCheck(bool Detected, long At, string What);
