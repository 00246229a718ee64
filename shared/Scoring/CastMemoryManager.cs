using System.Buffers;
using System.Runtime.InteropServices;

namespace Monitoring.Scoring;

/// <summary>Shows memory of <typeparamref name="T"/> as bytes without a copy.</summary>
internal sealed class CastMemoryManager<T>(Memory<T> memory) : MemoryManager<byte>
    where T : unmanaged
{
    public override Span<byte> GetSpan() => MemoryMarshal.AsBytes(memory.Span);

    public override unsafe MemoryHandle Pin(int elementIndex = 0)
    {
        var handle = memory.Pin();
        return new MemoryHandle((byte*)handle.Pointer + elementIndex, default, new PinnedHandle(handle));
    }

    public override void Unpin()
    {
        // The handle returned by Pin carries what is to be released.
    }

    protected override void Dispose(bool disposing)
    {
        // Owns nothing.
    }

    private sealed class PinnedHandle(MemoryHandle handle) : IPinnable
    {
        MemoryHandle IPinnable.Pin(int elementIndex) => throw new NotSupportedException("pin the memory, not its handle");

        void IPinnable.Unpin() => handle.Dispose();
    }
}
