using System.Buffers;

namespace Monitoring.Detection;

/// <summary>
/// State of a monitor under string keys (a client, a page of an index, or one key <c>""</c>). A checkpoint writes only keys that
/// changed, so a large state is cut into pages of some 64 to 256 KiB. All keys of a restore are of the same log offset.
/// </summary>
public interface IMonitorState
{
    /// <summary>Clients that were forgotten for want of room: their evidence starts anew when they come back. 0 where nobody is.</summary>
    long Forgotten => 0;

    /// <summary>Adds the keys that changed since the last call of this method, in a fixed order, and forgets that they did.</summary>
    void TakeDirtyKeys(ICollection<string> keys);

    /// <summary>Writes the value of a key, the same bytes for the same state; false when the key is gone.</summary>
    bool Save(string key, IBufferWriter<byte> output);

    /// <summary>Takes back what <see cref="Save"/> wrote, into a new monitor. Throws <see cref="InvalidDataException"/> on bytes it cannot read.</summary>
    void Restore(string key, ReadOnlySpan<byte> value);
}
