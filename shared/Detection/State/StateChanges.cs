using System.Buffers;

namespace Monitoring.Detection;

/// <summary>
/// Values of a checkpoint on their way to the log, side by side in one pooled buffer, each behind room for its header: what is written is not copied again, and thousands of
/// values leave nothing to collect. A value is written to this writer and then named by <see cref="Set(StateKey)"/>. Not safe for use by several threads at once.
/// </summary>
internal sealed class StateChanges : IBufferWriter<byte>, IDisposable
{
    private const int FirstBytes = 64 * 1024;
    private readonly List<(StateKey Key, int Start, int Length)> _values = [];
    private readonly SortedSet<StateKey> _removed = [];
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBytes);
    private int _start = CheckpointLog.HeaderBytes;
    private int _end = CheckpointLog.HeaderBytes;

    /// <summary>Bytes of the values that are not in the log yet.</summary>
    public int Bytes => _values.Count == 0 ? 0 : _end;

    /// <summary>Values that are not in the log yet: where they lie in <see cref="Buffer"/>.</summary>
    public IReadOnlyList<(StateKey Key, int Start, int Length)> Values => _values;

    /// <summary>Keys that are gone, unless a value was made anew.</summary>
    public IReadOnlyCollection<StateKey> Removed => _removed;

    /// <summary>The values; before each of them <see cref="CheckpointLog.HeaderBytes"/> bytes are free.</summary>
    public byte[] Buffer => _buffer;

    /// <summary>What was written since the last value is the value of the key.</summary>
    public void Set(StateKey key)
    {
        _removed.Remove(key);
        _values.Add((key, _start, _end - _start));
        Reserve(CheckpointLog.HeaderBytes);
        _end += CheckpointLog.HeaderBytes;
        _start = _end;
    }

    public void Set(StateKey key, ReadOnlySpan<byte> value)
    {
        this.Write(value);
        Set(key);
    }

    /// <summary>The key is gone; what was written since the last value is dropped.</summary>
    public void Remove(StateKey key)
    {
        _end = _start;
        _removed.Add(key);
    }

    /// <summary>Forgets the values: they are in the log.</summary>
    public void Clear()
    {
        _values.Clear();
        _start = _end = CheckpointLog.HeaderBytes;
    }

    public void Advance(int count) => _end += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return _buffer.AsMemory(_end);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return _buffer.AsSpan(_end);
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private void Reserve(int bytes)
    {
        if (_buffer.Length - _end >= bytes)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(checked(Math.Max(2 * _buffer.Length, _end + bytes)));
        _buffer.AsSpan(0, _end).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
