using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Monitoring.Inference;

/// <summary>
/// A file of the spool that is appended to. Plain, every append is one <c>pwrite</c>. Mapped (<see cref="TryMap"/>), its first bytes are memory that the kernel writes back, zeros
/// until they are written, and an append is a copy: no system call, no new page. Both survive the process at any moment: the pages are the kernel's. Not thread-safe.
/// </summary>
internal sealed unsafe partial class SpoolSegment : IDisposable
{
    private const int ReadAndWrite = 1 | 2;
    private const int Shared = 1;
    private const int PopulateWrite = 23;
    private const int Piece = 1 << 20;

    private byte* _map;
    private long _mapped;

    private SpoolSegment(SafeFileHandle handle, long number)
    {
        Handle = handle;
        Number = number;
    }

    /// <summary>Its number; another one when it is used again.</summary>
    public long Number { get; private set; }

    public SafeFileHandle Handle { get; }

    /// <summary>Bytes appended.</summary>
    public long Length { get; private set; }

    public bool IsMapped => _map != null;

    /// <summary>Makes an empty file, in place of one of that name.</summary>
    public static SpoolSegment Create(string path, long number) =>
        new(File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete), number);

    /// <summary>
    /// File systems that write a page where it lies, so that a page that is there can be written whatever room is left on the disk. Where a write may need a new place
    /// (btrfs, zfs, what lies below an overlay), a full disk would end the process (SIGBUS) instead of failing a call.
    /// </summary>
    public static bool CanMap(string folder)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        try
        {
            return new DriveInfo(folder).DriveFormat is "ext2" or "ext3" or "ext4" or "xfs" or "tmpfs";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }

    /// <summary>
    /// Forgets what was appended and maps the first <paramref name="bytes"/>, all zeros, all with their place on the disk and all in memory already. False where that cannot be had (no
    /// room): then the file is empty and plain.
    /// </summary>
    public bool TryMap(long bytes)
    {
        try
        {
            if (_map != null && _mapped == bytes && RandomAccess.GetLength(Handle) == bytes)
            {
                new Span<byte>(_map, (int)bytes).Clear();
            }
            else
            {
                Unmap();
                RandomAccess.SetLength(Handle, 0);
                Fill(bytes);
                var address = Map(null, (nuint)bytes, ReadAndWrite, Shared, (int)Handle.DangerousGetHandle(), 0);
                if (address == (void*)-1)
                {
                    throw new IOException($"mmap: error {Marshal.GetLastPInvokeError()}");
                }

                _map = (byte*)address;
                _mapped = bytes;
            }

            Length = 0;

            // A page written back is one that faults at the next write; many at once cost a hundredth. Kernels before 5.14 cannot.
            _ = Advise(_map, (nuint)bytes, PopulateWrite);
            return true;
        }
        catch (IOException)
        {
            Unmap();
            RandomAccess.SetLength(Handle, 0);
            Length = 0;
            return false;
        }
    }

    /// <summary>Gives an empty mapped file the name and number of the next one.</summary>
    public void Rename(string from, string to, long number)
    {
        File.Move(from, to);
        Number = number;
    }

    /// <exception cref="IOException">The disk refuses; the next append takes the place of what was written.</exception>
    public void Append(ReadOnlySpan<byte> frame)
    {
        if (Length + frame.Length <= _mapped)
        {
            frame.CopyTo(new Span<byte>(_map + Length, frame.Length));
        }
        else
        {
            RandomAccess.Write(Handle, frame, Length);
        }

        Length += frame.Length;
    }

    /// <summary>Copies bytes that were appended.</summary>
    public void Read(Span<byte> target, long offset)
    {
        if (offset + target.Length <= _mapped)
        {
            new ReadOnlySpan<byte>(_map + offset, target.Length).CopyTo(target);
            return;
        }

        Read(Handle, target, offset);
    }

    /// <summary>Copies bytes of a file of the spool; zeros behind its end.</summary>
    public static void Read(SafeFileHandle file, Span<byte> target, long offset)
    {
        for (var read = 0; read < target.Length;)
        {
            var n = RandomAccess.Read(file, target[read..], offset + read);
            if (n == 0)
            {
                target[read..].Clear();
                return;
            }

            read += n;
        }
    }

    /// <summary>Cuts off what was never written, and closes the file.</summary>
    public void Close()
    {
        if (IsMapped)
        {
            Unmap();
            try
            {
                RandomAccess.SetLength(Handle, Length);
            }
            catch (IOException)
            {
                // Zeros at the end are the end too.
            }
        }

        Handle.Dispose();
    }

    public void Dispose()
    {
        Unmap();
        Handle.Dispose();
    }

    private void Fill(long bytes)
    {
        var zeros = new byte[(int)Math.Min(Piece, bytes)];
        for (long at = 0; at < bytes; at += zeros.Length)
        {
            RandomAccess.Write(Handle, zeros.AsSpan(0, (int)Math.Min(zeros.Length, bytes - at)), at);
        }
    }

    private void Unmap()
    {
        if (_map != null)
        {
            _ = Unmap(_map, (nuint)_mapped);
            _map = null;
            _mapped = 0;
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
