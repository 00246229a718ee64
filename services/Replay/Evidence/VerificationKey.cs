using System.Security.Cryptography;

namespace Monitoring.Replay.Evidence;

/// <summary>Public half of a <see cref="SigningKey"/>.</summary>
internal sealed class VerificationKey : IDisposable
{
    private readonly ECDsa _key;

    private VerificationKey(ECDsa key, string id)
    {
        _key = key;
        Id = id;
    }

    public string Id { get; }

    public static string IdOf(ReadOnlySpan<byte> subjectPublicKeyInfo) => Convert.ToHexStringLower(SHA256.HashData(subjectPublicKeyInfo));

    /// <summary>Reads DER. Throws <see cref="InvalidDataException"/> unless the bytes are exactly one P-256 key.</summary>
    public static VerificationKey Parse(ReadOnlySpan<byte> subjectPublicKeyInfo)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportSubjectPublicKeyInfo(subjectPublicKeyInfo, out var read);
            if (read != subjectPublicKeyInfo.Length || !key.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(subjectPublicKeyInfo)
                || key.ExportParameters(false).Curve.Oid.Value != ECCurve.NamedCurves.nistP256.Oid.Value)
            {
                throw new InvalidDataException("not a public key for ECDSA P-256 in its canonical form");
            }

            return new VerificationKey(key, IdOf(subjectPublicKeyInfo));
        }
        catch (Exception e) when (e is CryptographicException or PlatformNotSupportedException or ArgumentException)
        {
            key.Dispose();
            throw new InvalidDataException($"not a public key for ECDSA P-256: {e.Message}", e);
        }
        catch (InvalidDataException)
        {
            key.Dispose();
            throw;
        }
    }

    /// <summary>Reads a PEM file as written beside a signing key.</summary>
    public static VerificationKey Open(string path)
    {
        using var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(File.ReadAllText(path));
            return Parse(key.ExportSubjectPublicKeyInfo());
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            throw new InvalidDataException($"'{path}' holds no PEM public key: {e.Message}", e);
        }
    }

    public bool Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        signature.Length == 64 && _key.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    public void Dispose() => _key.Dispose();
}
