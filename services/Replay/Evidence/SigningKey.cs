using System.Security.Cryptography;

namespace Monitoring.Replay.Evidence;

/// <summary>ECDSA P-256 key that signs checkpoints and bundles. Signatures are r ‖ s, 64 bytes, over SHA-256.</summary>
internal sealed class SigningKey : IDisposable
{
    private readonly ECDsa _key;

    private SigningKey(ECDsa key)
    {
        _key = key;
        PublicKey = key.ExportSubjectPublicKeyInfo();
        Id = VerificationKey.IdOf(PublicKey);
    }

    /// <summary>SHA-256 of <see cref="PublicKey"/>, lower-case hexadecimal: what people compare.</summary>
    public string Id { get; }

    /// <summary>SubjectPublicKeyInfo, DER.</summary>
    public byte[] PublicKey { get; }

    public static SigningKey Create() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <summary>
    /// Opens the PKCS#8 PEM file, or creates it readable by its owner only, with the public key beside it (<c>.pub</c>).
    /// Throws <see cref="InvalidDataException"/> when the file is no P-256 private key or others may read it.
    /// </summary>
    public static SigningKey OpenOrCreate(string path)
    {
        var full = Path.GetFullPath(path);
        if (!File.Exists(full))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            try
            {
                // CreateNew: of two processes that start at once, one writes and the other reads what it wrote.
                var temporary = $"{full}.{Guid.NewGuid():N}";
                using (var stream = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
                using (var writer = new StreamWriter(stream))
                {
                    writer.Write(key.ExportPkcs8PrivateKeyPem());
                }

                File.Move(temporary, full, overwrite: false);
                File.WriteAllText(full + ".pub", key.ExportSubjectPublicKeyInfoPem());
            }
            catch (IOException) when (File.Exists(full))
            {
            }
        }

        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(full) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) != 0)
        {
            throw new InvalidDataException($"signing key '{full}' may be read or changed by others: set its mode to 0600");
        }

        var opened = ECDsa.Create();
        try
        {
            opened.ImportFromPem(File.ReadAllText(full));
            if (opened.ExportParameters(false).Curve.Oid.Value != ECCurve.NamedCurves.nistP256.Oid.Value)
            {
                throw new InvalidDataException($"signing key '{full}' is not on the curve P-256");
            }

            return new SigningKey(opened);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            opened.Dispose();
            throw new InvalidDataException($"'{full}' holds no PEM private key for ECDSA P-256: {e.Message}", e);
        }
    }

    public byte[] Sign(ReadOnlySpan<byte> data) => _key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    public void Dispose() => _key.Dispose();
}
