using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Monitoring.EventLog;

namespace Monitoring.Inference;

/// <summary>
/// Keeps the halves that wait for their other half on disk, so that an accepted one survives kill -9. Files are generations:
/// a new one begins every join window, and one whose last entry is older than the window holds nothing that still waits and
/// is deleted. Frames as in <see cref="Spool"/>. For one caller at a time.
/// </summary>
internal sealed class JoinJournal : IDisposable
{
    private const string Extension = ".join";
    private readonly string _folder;
    private readonly long _windowNano;
    private readonly long _maxBytes;
    private readonly SortedDictionary<long, long> _lastWrites = [];
    private SafeFileHandle? _active;
    private long _generation;
    private long _written;
    private long _olderBytes;

    public JoinJournal(string folder, TimeSpan window, long maxBytes)
    {
        _folder = Directory.CreateDirectory(folder).FullName;
        _windowNano = (long)window.TotalNanoseconds;
        _maxBytes = maxBytes;
    }

    /// <summary>Reads what an earlier process left: entries in their order, torn ends left out.</summary>
    public List<(LoggedHalf? Half, string? Done)> Recover(long now)
    {
        var entries = new List<(LoggedHalf?, string?)>();
        foreach (var file in Directory.EnumerateFiles(_folder, "*" + Extension).Order(StringComparer.Ordinal))
        {
            var data = File.ReadAllBytes(file);
            _olderBytes += data.Length;
            _lastWrites[long.Parse(Path.GetFileNameWithoutExtension(file), CultureInfo.InvariantCulture)] = now;
            var at = 0;
            while (data.Length - at > Spool.FrameHeader)
            {
                var length = BinaryPrimitives.ReadInt32LittleEndian(data.AsSpan(at));
                if (length <= 0 || length > data.Length - at - Spool.FrameHeader
                    || Crc32C.Compute(data.AsSpan(at + Spool.FrameHeader, length)) != BinaryPrimitives.ReadUInt32LittleEndian(data.AsSpan(at + 4)))
                {
                    break;
                }

                using var reader = new BinaryReader(new MemoryStream(data, at + Spool.FrameHeader, length), Encoding.UTF8);
                entries.Add(reader.ReadBoolean() ? (LoggedHalf.Read(reader), null) : (null, reader.ReadString()));
                at += Spool.FrameHeader + length;
            }
        }

        return entries;
    }

    /// <summary>Writes a half; false where there is no room or the disk refuses.</summary>
    public bool TryAdd(LoggedHalf half, long now) => TryWrite(now, half.Payload.Length, writer =>
    {
        writer.Write(true);
        half.Write(writer);
    });

    /// <summary>Notes that a call is complete (or expired). Lost notes cost a repeat with the same id after a crash.</summary>
    public bool TryDone(string key, long now) => TryWrite(now, 0, writer =>
    {
        writer.Write(false);
        writer.Write(key);
    });

    /// <summary>Deletes generations that hold nothing that still waits.</summary>
    public void Sweep(long now)
    {
        foreach (var (generation, last) in _lastWrites.Where(g => g.Key != _generation && now - g.Value > 2 * _windowNano).ToList())
        {
            var file = PathOf(generation);
            _olderBytes -= File.Exists(file) ? new FileInfo(file).Length : 0;
            File.Delete(file);
            _lastWrites.Remove(generation);
        }
    }

    public void Dispose() => _active?.Dispose();

    private bool TryWrite(long now, int payload, Action<BinaryWriter> write)
    {
        using var stream = new MemoryStream(payload + 1024);
        stream.Write(stackalloc byte[Spool.FrameHeader]);
        using (var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true))
        {
            write(writer);
        }

        var frame = stream.GetBuffer().AsSpan(0, (int)stream.Length);
        BinaryPrimitives.WriteInt32LittleEndian(frame, frame.Length - Spool.FrameHeader);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], Crc32C.Compute(frame[Spool.FrameHeader..]));
        if (_olderBytes + _written + frame.Length > _maxBytes)
        {
            return false;
        }

        try
        {
            if (_active is null || now - _generation > _windowNano)
            {
                var generation = Math.Max(now, _lastWrites.Count == 0 ? 0 : _lastWrites.Keys.Last() + 1);
                var next = File.OpenHandle(PathOf(generation), FileMode.CreateNew, FileAccess.Write, FileShare.Read);
                _active?.Dispose();
                _active = next;
                _generation = generation;
                _olderBytes += _written;
                _written = 0;
            }

            RandomAccess.Write(_active, frame, _written);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }

        _written += frame.Length;
        _lastWrites[_generation] = now;
        return true;
    }

    private string PathOf(long generation) => Path.Combine(_folder, generation.ToString("D20", CultureInfo.InvariantCulture) + Extension);
}
