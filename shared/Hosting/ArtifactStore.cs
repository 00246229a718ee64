using System.Security.Cryptography;

namespace Monitoring.Hosting;

/// <summary>A folder of immutable contents named by their SHA-256: what is too large for a record of the log. Thread- and process-safe.</summary>
public sealed class ArtifactStore(string folder)
{
    /// <summary>Keeps the content and returns its SHA-256, lower-case hexadecimal.</summary>
    /// <exception cref="IOException">The disk is full or gone.</exception>
    public string Put(ReadOnlySpan<byte> content)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(content));
        var path = PathOf(hash);
        if (File.Exists(path))
        {
            return hash;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var file = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                RandomAccess.Write(file, content, 0);
                RandomAccess.FlushToDisk(file);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        return hash;
    }

    /// <summary>The content, or null where it is not here. Throws <see cref="InvalidDataException"/> where it is not what it was.</summary>
    public byte[]? Get(string sha256)
    {
        if (sha256.Length != 64 || !sha256.All(char.IsAsciiHexDigitLower))
        {
            throw new ArgumentException("a SHA-256 has 64 lower-case hexadecimal digits", nameof(sha256));
        }

        var path = PathOf(sha256);
        if (!File.Exists(path))
        {
            return null;
        }

        var content = File.ReadAllBytes(path);
        return Convert.ToHexStringLower(SHA256.HashData(content)) == sha256 ? content : throw new InvalidDataException($"the artifact {sha256} has been changed");
    }

    private string PathOf(string hash) => Path.Combine(folder, hash[..2], hash);
}
