using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Monitoring.EventLog;

namespace Monitoring.Inference;

/// <summary>
/// A queue on disk of one process: frames appended to segment files with one write or copy each, read in order by one reader, and
/// deleted or used again segment by segment when acknowledged. A frame is length (4 bytes, little-endian), check sum, payload; the check sum is the payload's CRC-32C mixed with
/// the number of the segment, so that what an earlier segment left in a file is never an event again. Behind the last frame a file may hold zeros.
/// Survives kill -9 at any moment: what was written is read again, from the last acknowledged position, at the next start.
/// Appending is thread-safe; reading is for one reader.
/// </summary>
internal sealed partial class Spool : IDisposable
{
    /// <summary>Bytes before every payload.</summary>
    public const int FrameHeader = 8;

    /// <summary>Largest frame, so that torn lengths are not believed.</summary>
    public const int MaxFrame = 256 << 20;

    private const string Extension = ".spool";
    private const int ReadSize = 1 << 20;

    /// <summary>Smaller segments are not worth a mapping.</summary>
    private const int SmallestMapping = 64 << 10;

    /// <summary>Files kept to be used again: one is filled while another is read.</summary>
    private const int Spares = 2;

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _flushGate = new(1);
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly SortedDictionary<long, long> _lengths = [];

    /// <summary>Held by the reader while it looks into mapped memory, and by <see cref="Dispose"/>. Taken before <see cref="_gate"/>.</summary>
    private readonly Lock _readGate = new();

    /// <summary>Mapped files, the active one among them, by number, until they are read and acknowledged.</summary>
    private readonly Dictionary<long, SpoolSegment> _mapped = [];

    /// <summary>Acknowledged files, empty, to be used again.</summary>
    private readonly Queue<SpoolSegment> _spares = new();
    private readonly bool _maps;
    private readonly string _folder;
    private readonly long _maxBytes;
    private readonly long _segmentBytes;
    private readonly ILogger _logger;
    private readonly FileStream _lock;
    private readonly SafeFileHandle _position;

    private SpoolSegment _active;
    private long _flushed;
    private bool _flushes;
    private long _pendingBytes;
    private bool _readerWaits;
    private bool _failing;
    private bool _disposed;

    private SafeFileHandle? _reading;
    private long _readSegment;
    private long _readOffset;
    private long _ackSegment;
    private long _ackOffset;
    private byte[] _buffer = [];

    /// <param name="folder">Folder of this spool alone; made where it is missing.</param>
    /// <param name="maxBytes">Bytes that may wait.</param>
    /// <param name="logger">Told of damage.</param>
    /// <param name="segmentBytes">A segment file is closed above this. Small enough that two of them, in turns, stay in the processor's caches.</param>
    /// <param name="maps">Whether segments may be mapped memory, which is cheaper and takes room on the disk before it is needed (three segments, so only where far more may wait); null: where the file system allows it.</param>
    /// <exception cref="IOException">Another process uses the folder, or it cannot be written.</exception>
    public Spool(string folder, long maxBytes, ILogger logger, long segmentBytes = 1 << 20, bool? maps = null)
    {
        _folder = Directory.CreateDirectory(folder).FullName;
        _maxBytes = maxBytes;
        _segmentBytes = segmentBytes;
        _logger = logger;
        try
        {
            _lock = new FileStream(Path.Combine(_folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException($"the spool folder '{_folder}' is used by another process", e);
        }

        _position = File.OpenHandle(Path.Combine(_folder, "position"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        (_ackSegment, _ackOffset) = ReadPosition();
        foreach (var file in Directory.EnumerateFiles(_folder, "*" + Extension))
        {
            if (!long.TryParse(Path.GetFileNameWithoutExtension(file), NumberStyles.None, CultureInfo.InvariantCulture, out var segment))
            {
                continue;
            }

            if (segment < _ackSegment)
            {
                File.Delete(file);
                continue;
            }

            _lengths[segment] = new FileInfo(file).Length;
        }

        var next = Math.Max(_lengths.Count == 0 ? 0 : _lengths.Keys.Last(), _ackSegment) + 1;
        if (_lengths.Count == 0 || _lengths.Keys.First() != _ackSegment)
        {
            (_ackSegment, _ackOffset) = (_lengths.Count == 0 ? next : _lengths.Keys.First(), 0);
        }

        (_readSegment, _readOffset) = (_ackSegment, _ackOffset);
        if (_lengths.Count > 0)
        {
            // The one that was written when the process ended: zeros behind what was written do not wait.
            var last = _lengths.Keys.Last();
            _lengths[last] = Math.Max(EndOf(last, _lengths[last]), last == _ackSegment ? _ackOffset : 0);
        }

        _pendingBytes = _lengths.Values.Sum() - _ackOffset;
        _maps = segmentBytes >= SmallestMapping && maxBytes / 8 >= segmentBytes && (maps ?? SpoolSegment.CanMap(_folder));
        _active = SpoolSegment.Create(PathOf(next), next);
        if (_maps && _active.TryMap(_segmentBytes))
        {
            _mapped.Add(next, _active);
        }

        _lengths[next] = 0;
    }

    public string Folder => _folder;

    /// <summary>Bytes written and not yet acknowledged.</summary>
    public long PendingBytes => Volatile.Read(ref _pendingBytes);

    /// <summary>Frames found damaged and skipped.</summary>
    public long DamagedFrames { get; private set; }

    /// <summary>Appends a frame with one write. Never throws for a full or failing disk.</summary>
    /// <param name="frame"><see cref="FrameHeader"/> bytes that are filled in here, then the payload.</param>
    public SpoolResult TryAppend(Span<byte> frame)
    {
        BinaryPrimitives.WriteInt32LittleEndian(frame, frame.Length - FrameHeader);
        var crc = Crc32C.Compute(frame[FrameHeader..]);
        bool wake;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_pendingBytes + frame.Length > _maxBytes)
            {
                return SpoolResult.Full;
            }

            try
            {
                if (_active.Length > 0 && _active.Length + frame.Length > _segmentBytes)
                {
                    Roll();
                }

                BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], crc ^ Salt(_active.Number));
                _active.Append(frame);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // A part of the frame may be on disk: the next frame overwrites it, and a restart steps over a torn end.
                // Said once, not for every event: the log of the process lies on a disk too.
                if (!_failing)
                {
                    _failing = true;
                    LogDiskError(e);
                }

                return SpoolResult.DiskError;
            }

            if (_failing)
            {
                _failing = false;
                LogDiskAgain();
            }

            _lengths[_active.Number] = _active.Length;
            _pendingBytes += frame.Length;
            wake = _readerWaits;
            _readerWaits = false;
        }

        if (wake)
        {
            _arrived.Release();
        }

        return SpoolResult.Written;
    }

    /// <summary>Completes when everything appended before the call is on the disk itself; calls share one flush.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        long target;
        lock (_gate)
        {
            _flushes = true;
            target = Position(_active.Number, _active.Length);
        }

        await _flushGate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_flushed >= target)
            {
                return;
            }

            SafeFileHandle handle;
            long reached;
            lock (_gate)
            {
                (handle, reached) = (_active.Handle, Position(_active.Number, _active.Length));
            }

            try
            {
                RandomAccess.FlushToDisk(handle);
            }
            catch (ObjectDisposedException)
            {
                // The segment was closed meanwhile, which flushed it.
            }

            _flushed = reached;
        }
        finally
        {
            _flushGate.Release();
        }
    }

    /// <summary>Waits until there is something to read.</summary>
    public async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (HasMore())
            {
                return;
            }

            _readerWaits = true;
        }

        await _arrived.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Reads the next payloads in order: at least one where there are any, at most about <paramref name="maxBytes"/>. They are
    /// valid until the next read.
    /// </summary>
    public int Read(List<ReadOnlyMemory<byte>> payloads, int maxBytes = ReadSize)
    {
        payloads.Clear();
        while (true)
        {
            long limit;
            bool isActive;
            lock (_gate)
            {
                if (!HasMore())
                {
                    return 0;
                }

                isActive = _readSegment == _active.Number;
                limit = _lengths.GetValueOrDefault(_readSegment);
            }

            if (_readOffset >= limit)
            {
                NextSegment();
                continue;
            }

            var start = _readOffset;
            Fill((int)Math.Min(limit - start, Math.Max(maxBytes, FrameHeader)), start);
            var used = Parse(payloads, (int)Math.Min(limit - start, maxBytes), limit - start, out var needed);
            if (payloads.Count > 0)
            {
                _readOffset += used;
                return payloads.Count;
            }

            if (needed > 0 && needed <= limit - start)
            {
                Fill((int)needed, start);
                _readOffset += Parse(payloads, (int)needed, limit - start, out _);
                if (payloads.Count > 0)
                {
                    return payloads.Count;
                }
            }

            Resynchronise(start, limit, isActive);
        }
    }

    /// <summary>All that was read is durable elsewhere: it is not read again, and whole segments are deleted.</summary>
    public void Acknowledge()
    {
        var (segment, offset) = (_readSegment, _readOffset);
        WritePosition(segment, offset);
        List<long> done = [];
        lock (_gate)
        {
            foreach (var (number, length) in _lengths)
            {
                if (number < segment)
                {
                    _pendingBytes -= length - (number == _ackSegment ? _ackOffset : 0);
                    done.Add(number);
                }
            }

            _pendingBytes -= offset - (segment == _ackSegment ? _ackOffset : 0);
            done.ForEach(n => _lengths.Remove(n));
            (_ackSegment, _ackOffset) = (segment, offset);
        }

        foreach (var number in done)
        {
            Recycle(number);
        }
    }

    public void Dispose()
    {
        lock (_readGate)
        {
            lock (_gate)
            {
                if (_disposed)
                {
                    return;
                }

                _disposed = true;
                _active.Close();
                foreach (var segment in _mapped.Values.Where(s => s != _active))
                {
                    segment.Close();
                }

                foreach (var spare in _spares)
                {
                    spare.Dispose();
                    File.Delete(PathOf(spare.Number));
                }
            }
        }

        _reading?.Dispose();
        _position.Dispose();
        _lock.Dispose();
        _flushGate.Dispose();
        _arrived.Dispose();
    }

    /// <summary>One number that grows with the position, for comparing flushes.</summary>
    private static long Position(long segment, long offset) => (segment << 36) + offset;

    /// <summary>What the check sum of a segment's frames is mixed with.</summary>
    private static uint Salt(long segment) => (uint)(((ulong)segment * 0x9E3779B97F4A7C15) >> 32);

    private bool HasMore() => _readSegment < _active.Number || _readOffset < _active.Length;

    /// <summary>Under the gate: callers wait, so nothing is prepared here that can be prepared elsewhere. Without a spare the next file is a plain one.</summary>
    private void Roll()
    {
        var number = _active.Number + 1;
        SpoolSegment next;
        if (_spares.TryPeek(out var spare))
        {
            spare.Rename(PathOf(spare.Number), PathOf(number), number);
            next = _spares.Dequeue();
            _mapped.Add(number, next);
        }
        else
        {
            next = SpoolSegment.Create(PathOf(number), number);
        }

        if (_flushes)
        {
            // So that a flush waited for needs to look at the newest segment only.
            RandomAccess.FlushToDisk(_active.Handle);
        }

        if (!_mapped.ContainsKey(_active.Number))
        {
            _active.Dispose();
        }

        _active = next;
        _lengths[number] = 0;
    }

    /// <summary>An acknowledged file waits to be used again, or goes.</summary>
    private void Recycle(long number)
    {
        SpoolSegment? segment;
        bool keep;
        lock (_gate)
        {
            _mapped.Remove(number, out segment);

            // Not where power cuts count: that the new name of a flushed file is on the disk too, nobody promises.
            keep = _maps && !_flushes && !_disposed && _spares.Count < Spares;
        }

        try
        {
            if (keep)
            {
                segment ??= SpoolSegment.Create(PathOf(number), number);
                if (segment.TryMap(_segmentBytes))
                {
                    lock (_gate)
                    {
                        if (!_disposed)
                        {
                            _spares.Enqueue(segment);
                            return;
                        }
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The disk is failing or full: a plain file will do, or the append says so.
        }

        segment?.Dispose();
        File.Delete(PathOf(number));
    }

    /// <summary>Where the frames of a file that an earlier process left end: at its end, or at zeros. Its whole length where that cannot be told.</summary>
    private long EndOf(long segment, long length)
    {
        using var file = File.OpenHandle(PathOf(segment), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        Span<byte> header = stackalloc byte[FrameHeader];
        for (long at = 0; at + FrameHeader <= length;)
        {
            SpoolSegment.Read(file, header, at);
            var payload = BinaryPrimitives.ReadInt32LittleEndian(header);
            if (payload == 0 && BinaryPrimitives.ReadInt32LittleEndian(header[4..]) == 0 && IsZero(file, at, length))
            {
                return at;
            }

            if (payload <= 0 || payload > length - at - FrameHeader)
            {
                return length;
            }

            at += FrameHeader + payload;
        }

        return length;
    }

    private static bool IsZero(SafeFileHandle file, long from, long to)
    {
        var buffer = new byte[64 << 10];
        for (int read; from < to; from += read)
        {
            read = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(buffer.Length, to - from)), from);
            if (read == 0)
            {
                return true;
            }

            if (buffer.AsSpan(0, read).ContainsAnyExcept((byte)0))
            {
                return false;
            }
        }

        return true;
    }

    private void NextSegment()
    {
        _reading?.Dispose();
        _reading = null;
        lock (_gate)
        {
            _readSegment = _lengths.Keys.First(n => n > _readSegment);
            _readOffset = 0;
        }
    }

    private void Fill(int count, long offset)
    {
        if (_buffer.Length < count)
        {
            _buffer = new byte[Math.Max(count, ReadSize)];
        }

        Copy(_buffer.AsSpan(0, count), offset);
    }

    /// <summary>Bytes of the segment that is read, from memory where it is mapped.</summary>
    private void Copy(Span<byte> target, long offset)
    {
        lock (_readGate)
        {
            SpoolSegment? mapped;
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                mapped = _mapped.GetValueOrDefault(_readSegment);
            }

            if (mapped is not null)
            {
                mapped.Read(target, offset);
                return;
            }
        }

        _reading ??= File.OpenHandle(PathOf(_readSegment), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        SpoolSegment.Read(_reading, target, offset);
    }

    /// <summary>Takes whole, sound frames from the buffer; says how long the first is where it alone did not fit.</summary>
    private int Parse(List<ReadOnlyMemory<byte>> payloads, int available, long left, out long needed)
    {
        needed = 0;
        var at = 0;
        while (available - at >= FrameHeader)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(_buffer.AsSpan(at));
            if (length <= 0 || length > MaxFrame || FrameHeader + (long)length > left - at)
            {
                return at;
            }

            if (FrameHeader + length > available - at)
            {
                needed = payloads.Count == 0 ? FrameHeader + length : 0;
                return at;
            }

            var payload = _buffer.AsMemory(at + FrameHeader, length);
            if ((Crc32C.Compute(payload.Span) ^ Salt(_readSegment)) != BinaryPrimitives.ReadUInt32LittleEndian(_buffer.AsSpan(at + 4)))
            {
                return at;
            }

            payloads.Add(payload);
            at += FrameHeader + length;
        }

        return at;
    }

    /// <summary>Steps over damage to the next sound frame of the segment, or to its end; where all that is left is zeros, that is the end and no damage.</summary>
    private void Resynchronise(long start, long limit, bool isActive)
    {
        var rest = new byte[limit - start];
        Copy(rest, start);
        if (!rest.ContainsAnyExcept((byte)0))
        {
            _readOffset = limit;
            return;
        }

        var at = 1;
        while (at + FrameHeader < rest.Length)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(rest.AsSpan(at));
            if (length > 0 && length <= rest.Length - at - FrameHeader
                && (Crc32C.Compute(rest.AsSpan(at + FrameHeader, length)) ^ Salt(_readSegment)) == BinaryPrimitives.ReadUInt32LittleEndian(rest.AsSpan(at + 4)))
            {
                break;
            }

            at++;
        }

        var skipped = at + FrameHeader < rest.Length ? at : rest.Length;
        DamagedFrames++;
        LogDamaged(PathOf(_readSegment), start, skipped, isActive);
        _readOffset = start + skipped;
    }

    private string PathOf(long segment) => Path.Combine(_folder, segment.ToString("D20", CultureInfo.InvariantCulture) + Extension);

    private (long Segment, long Offset) ReadPosition()
    {
        Span<byte> record = stackalloc byte[20];
        return RandomAccess.Read(_position, record, 0) == record.Length && Crc32C.Compute(record[..16]) == BinaryPrimitives.ReadUInt32LittleEndian(record[16..])
            ? (BinaryPrimitives.ReadInt64LittleEndian(record), BinaryPrimitives.ReadInt64LittleEndian(record[8..]))
            : (0, 0);
    }

    private void WritePosition(long segment, long offset)
    {
        Span<byte> record = stackalloc byte[20];
        BinaryPrimitives.WriteInt64LittleEndian(record, segment);
        BinaryPrimitives.WriteInt64LittleEndian(record[8..], offset);
        BinaryPrimitives.WriteUInt32LittleEndian(record[16..], Crc32C.Compute(record[..16]));
        RandomAccess.Write(_position, record, 0);
    }

    [LoggerMessage(EventId = 2109, Level = LogLevel.Information, Message = "the spool can be written again")]
    private partial void LogDiskAgain();

    [LoggerMessage(EventId = 2101, Level = LogLevel.Error, Message = "the spool cannot be written; events are dropped and counted")]
    private partial void LogDiskError(Exception exception);

    [LoggerMessage(EventId = 2102, Level = LogLevel.Error, Message = "{File} is damaged at byte {Offset}: {Skipped} bytes skipped (active segment: {IsActive})")]
    private partial void LogDamaged(string file, long offset, int skipped, bool isActive);
}
