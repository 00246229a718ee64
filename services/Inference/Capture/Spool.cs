using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Monitoring.EventLog;

namespace Monitoring.Inference;

/// <summary>
/// A queue on disk of one process: frames appended to segment files with one write each, read in order by one reader, and
/// deleted segment by segment when acknowledged. A frame is length (4 bytes, little-endian), CRC-32C of the payload, payload.
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

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _flushGate = new(1);
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly SortedDictionary<long, long> _lengths = [];
    private readonly string _folder;
    private readonly long _maxBytes;
    private readonly long _segmentBytes;
    private readonly ILogger _logger;
    private readonly FileStream _lock;
    private readonly SafeFileHandle _position;

    private SafeFileHandle _active;
    private long _activeSegment;
    private long _written;
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
    /// <param name="segmentBytes">A segment file is closed above this.</param>
    /// <exception cref="IOException">Another process uses the folder, or it cannot be written.</exception>
    public Spool(string folder, long maxBytes, ILogger logger, long segmentBytes = 16 << 20)
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

        _activeSegment = Math.Max(_lengths.Count == 0 ? 0 : _lengths.Keys.Last(), _ackSegment) + 1;
        if (_lengths.Count == 0 || _lengths.Keys.First() != _ackSegment)
        {
            (_ackSegment, _ackOffset) = (_lengths.Count == 0 ? _activeSegment : _lengths.Keys.First(), 0);
        }

        (_readSegment, _readOffset) = (_ackSegment, _ackOffset);
        _pendingBytes = _lengths.Values.Sum() - _ackOffset;
        _active = OpenSegment(_activeSegment);
        _lengths[_activeSegment] = 0;
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
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], Crc32C.Compute(frame[FrameHeader..]));
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
                if (_written > 0 && _written + frame.Length > _segmentBytes)
                {
                    Roll();
                }

                RandomAccess.Write(_active, frame, _written);
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

            _written += frame.Length;
            _lengths[_activeSegment] = _written;
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
            target = Position(_activeSegment, _written);
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
                (handle, reached) = (_active, Position(_activeSegment, _written));
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

                isActive = _readSegment == _activeSegment;
                limit = _lengths.GetValueOrDefault(_readSegment);
            }

            if (_readOffset >= limit)
            {
                NextSegment();
                continue;
            }

            _reading ??= File.OpenHandle(PathOf(_readSegment), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
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
            File.Delete(PathOf(number));
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _active.Dispose();
        }

        _reading?.Dispose();
        _position.Dispose();
        _lock.Dispose();
        _flushGate.Dispose();
        _arrived.Dispose();
    }

    /// <summary>One number that grows with the position, for comparing flushes.</summary>
    private static long Position(long segment, long offset) => (segment << 36) + offset;

    private bool HasMore() => _readSegment < _activeSegment || _readOffset < _written;

    private void Roll()
    {
        var next = OpenSegment(_activeSegment + 1);
        if (_flushes)
        {
            // So that a flush waited for needs to look at the newest segment only.
            RandomAccess.FlushToDisk(_active);
        }

        _active.Dispose();
        _active = next;
        _activeSegment++;
        _written = 0;
        _lengths[_activeSegment] = 0;
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

        var read = 0;
        while (read < count)
        {
            var n = RandomAccess.Read(_reading!, _buffer.AsSpan(read, count - read), offset + read);
            if (n == 0)
            {
                Array.Clear(_buffer, read, count - read);
                return;
            }

            read += n;
        }
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
            if (Crc32C.Compute(payload.Span) != BinaryPrimitives.ReadUInt32LittleEndian(_buffer.AsSpan(at + 4)))
            {
                return at;
            }

            payloads.Add(payload);
            at += FrameHeader + length;
        }

        return at;
    }

    /// <summary>Steps over damage to the next sound frame of the segment, or to its end.</summary>
    private void Resynchronise(long start, long limit, bool isActive)
    {
        var rest = new byte[limit - start];
        RandomAccess.Read(_reading!, rest, start);
        var at = 1;
        while (at + FrameHeader < rest.Length)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(rest.AsSpan(at));
            if (length > 0 && length <= rest.Length - at - FrameHeader
                && Crc32C.Compute(rest.AsSpan(at + FrameHeader, length)) == BinaryPrimitives.ReadUInt32LittleEndian(rest.AsSpan(at + 4)))
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

    private SafeFileHandle OpenSegment(long segment) =>
        File.OpenHandle(PathOf(segment), FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);

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
