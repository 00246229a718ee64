using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Monitoring.Replay.Evidence;

/// <summary>
/// SHA-256 of many short messages. The platform's classes spend more time on setting up a hash through OpenSSL's EVP layer than on hashing 65 bytes;
/// where the <c>libcrypto</c> that .NET itself uses is at hand its plain <c>SHA256_Init/Update/Final</c> are called, else the platform's class.
/// Not thread-safe.
/// </summary>
internal sealed unsafe class Sha256 : IDisposable
{
    /// <summary>Longer messages may take so long that the garbage collector must be able to interrupt.</summary>
    private const int Short = 4096;

    /// <summary><c>SHA256_CTX</c> has 112 bytes; the rest is room for a larger one.</summary>
    private const int ContextBytes = 256;

    private static readonly nint s_library = Load();
    private static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, int> s_init = (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, int>)Symbol("SHA256_Init");
    private static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, nuint, int> s_update = (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, nuint, int>)Symbol("SHA256_Update");
    private static readonly delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, int> s_final = (delegate* unmanaged[Cdecl, SuppressGCTransition]<byte*, byte*, int>)Symbol("SHA256_Final");
    private readonly IncrementalHash _platform = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>Whether the plain functions were found.</summary>
    public static bool IsNative => s_init != null && s_update != null && s_final != null;

    /// <summary>Hashes <paramref name="message"/> into 32 bytes.</summary>
    public void Compute(ReadOnlySpan<byte> message, Span<byte> hash)
    {
        if (!IsNative || message.Length > Short || message.IsEmpty)
        {
            _platform.AppendData(message);
            _platform.GetHashAndReset(hash);
            return;
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(hash.Length, SHA256.HashSizeInBytes);
        var context = stackalloc byte[ContextBytes];
        fixed (byte* data = message, target = hash)
        {
            if (s_init(context) != 1 || s_update(context, data, (nuint)message.Length) != 1 || s_final(target, context) != 1)
            {
                throw new CryptographicException("SHA-256 of libcrypto failed");
            }
        }
    }

    public void Dispose() => _platform.Dispose();

    private static nint Load() => NativeLibrary.TryLoad("libcrypto.so.3", out var library) ? library : 0;

    private static nint Symbol(string name) => s_library != 0 && NativeLibrary.TryGetExport(s_library, name, out var address) ? address : 0;
}
