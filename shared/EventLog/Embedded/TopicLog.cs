using Microsoft.Extensions.Logging;

namespace Monitoring.EventLog.Embedded;

/// <summary>A topic: its segments, its partitions, and the file that is being appended to.</summary>
internal sealed class TopicLog : IDisposable
{
    private readonly EmbeddedEventLogOptions _options;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private Segment[] _segments = [];
    private SqliteDatabase? _active;
    private RowWriter[] _rows = [];
    private SqliteStatement? _begin;
    private SqliteStatement? _commit;
    private long _segmentBytes;
    private long _walBytes;

    public TopicLog(string directory, TopicDefinition definition, EmbeddedEventLogOptions options, ILogger logger)
    {
        Directory = directory;
        Definition = definition;
        _options = options;
        _logger = logger;
        Partitions = [.. Enumerable.Range(0, definition.Partitions).Select(p => new PartitionLog(this, p))];
    }

    public string Directory { get; }

    public string Name => Definition.Name;

    /// <summary>Retention may be changed; the rest is fixed.</summary>
    public TopicDefinition Definition { get; set; }

    public PartitionLog[] Partitions { get; }

    /// <summary>Oldest first; the last one is appended to. A snapshot.</summary>
    public Segment[] Segments => Volatile.Read(ref _segments);

    public long WalBytes => Segments is [.., var last] && new FileInfo(last.WalPath) is { Exists: true } file ? file.Length : 0;

    /// <summary>Finds the segments on disk and where the partitions end: nowhere below <paramref name="floor"/>, the offsets known to have been in use.</summary>
    public void Load(Func<int, long> floor)
    {
        var folder = new DirectoryInfo(Directory);
        if (!folder.Exists)
        {
            if (_options.ReadOnly)
            {
                return;
            }

            folder.Create();
        }

        var files = folder.GetFiles();
        if (!_options.ReadOnly)
        {
            foreach (var leftover in files.Where(f => f.Name.Contains(".tmp", StringComparison.Ordinal)))
            {
                leftover.Delete();
            }
        }

        var ids = files.Select(f => Segment.ParseFileName(f.Name)).OfType<(long First, long Last)>().ToArray();
        var segments = new List<Segment>();
        foreach (var (first, last) in ids.Order())
        {
            // A merged file replaces those that it was made from, also when a crash left them behind.
            if (ids.Any(other => other != (first, last) && other.First <= first && other.Last >= last))
            {
                if (!_options.ReadOnly)
                {
                    Segment.Delete(Path.Combine(Directory, Segment.FileName(first, last)));
                }

                continue;
            }

            if (LoadSegment(first, last) is { } segment)
            {
                segments.Add(segment);
            }
        }

        _segments = [.. segments];
        try
        {
            RestoreEnds(floor);
        }
        catch (DamagedSegmentException e) when (!_options.ReadOnly)
        {
            var last = segments[^1];
            segments.RemoveAt(segments.Count - 1);
            if (Salvage(last.FirstId, last.LastId, e) is { } saved)
            {
                segments.Add(saved);
            }

            _segments = [.. segments];
            RestoreEnds(floor);
        }
    }

    /// <summary>First retained offset of a partition.</summary>
    public long Start(int partition) => Segments is [var first, ..] ? first.Bases[partition] : Partitions[partition].Next;

    /// <summary>Offset after the last one of a segment of the snapshot <paramref name="segments"/>.</summary>
    public long End(Segment[] segments, int index, int partition) =>
        index + 1 < segments.Length ? segments[index + 1].Bases[partition] : Partitions[partition].Next;

    /// <summary>Stores the records of a group of requests in one transaction, or throws and has stored none. Writer thread only.</summary>
    public long Write(IReadOnlyList<AppendRequest> requests, long now)
    {
        try
        {
            EnsureActive(now);
            _begin!.Run();
        }
        catch
        {
            CloseActive();
            throw;
        }

        var time = now;
        foreach (var partition in Partitions)
        {
            time = Math.Max(time, partition.LastTime);
        }

        long bytes = 0;
        long rows = 0;
        try
        {
            foreach (var request in requests)
            {
                foreach (var batch in request.Batches)
                {
                    Partitions[batch.Partition].AddPending(batch);
                }
            }

            foreach (var partition in Partitions)
            {
                if (partition.PendingCount == 0)
                {
                    continue;
                }

                var offset = partition.Next;
                foreach (var block in partition.Pending)
                {
                    rows += _rows[partition.Index].Add(offset, time, block.Bytes, block.Count);
                    offset += block.Count;
                    bytes += block.Length;
                }

                rows += _rows[partition.Index].Flush();
            }

            _commit!.Run();
        }
        catch
        {
            foreach (var partition in Partitions)
            {
                partition.ForgetPending();
            }

            // Closing the connection rolls back, whatever state the error left it in.
            CloseActive();
            throw;
        }

        _segmentBytes += bytes;

        // A commit logs whole pages: of many small ones they are most of it.
        _walBytes += bytes + (rows * Segment.PageSize);
        return time;
    }

    /// <summary>Writes the write-ahead log back when it has grown. Its failure loses nothing: the log is kept.</summary>
    public void CheckpointIfLarge()
    {
        if (_active is null || _walBytes < _options.WalBytes)
        {
            return;
        }

        try
        {
            // A reader in the middle of a page keeps the log from being reused; wait for it only when the log has become long.
            var (frames, done) = _active.Checkpoint(truncate: WalBytes > 5 * _options.WalBytes);
            _walBytes = done < frames ? _options.WalBytes / 2 : 0;
        }
        catch (EventLogException e)
        {
            _walBytes = 0;
            _logger.LogWarning(e, "topic {Topic}: the write-ahead log could not be written back; trying again", Name);
        }
    }

    /// <summary>Closes the active segment if it has records and is old enough. Writer thread only.</summary>
    public void RollIfOld(long now)
    {
        if (Segments is [.., var last] && now - last.Created >= _options.SegmentAge.Ticks * 100 && HasRecords(last))
        {
            Roll(now);
        }
    }

    /// <summary>Closes the active segment and starts the next. Writer thread only.</summary>
    public void Roll(long now)
    {
        CloseActive();
        var id = Segments is [.., var last] ? last.LastId + 1 : 0;
        Adopt(Segment.Create(Directory, id, id, now, [.. Partitions.Select(p => p.Next)], [.. Partitions.Select(p => p.LastTime)], _options.Durability));
    }

    /// <summary>Takes the oldest <paramref name="count"/> segments out and puts <paramref name="replacement"/>, if any, in their place.</summary>
    public void ReplaceOldest(int count, Segment? replacement)
    {
        lock (_gate)
        {
            Volatile.Write(ref _segments, replacement is null ? _segments[count..] : [replacement, .. _segments[count..]]);
        }
    }

    public void Dispose() => CloseActive();

    private void RestoreEnds(Func<int, long> floor)
    {
        var last = _segments is [.., var s] ? s : null;
        using var database = last is null ? null : SqliteDatabase.Open(last.Path, SqliteDatabase.Mode.ReadOnly);
        for (var p = 0; p < Partitions.Length; p++)
        {
            var next = last?.Bases[p] ?? 0;
            var time = last?.Times[p] ?? 0;
            using var newest = database is null ? null : new RowReader(database, p);
            if (newest is not null && newest.StepToLast())
            {
                // A torn end shows in the newest records first.
                _ = newest.Body();
                next = newest.Offset + newest.Records;
                time = newest.Time;
            }

            if (floor(p) > next && !_options.ReadOnly)
            {
                _logger.LogError("topic {Topic}: partition {Partition} ends at {Next}, but groups have committed {Floor}: the records between are lost; offsets go on from there", Name, p, next, floor(p));
            }

            Partitions[p].Restore(Math.Max(next, floor(p)), time);
            newest?.Reset();
        }
    }

    private Segment? LoadSegment(long first, long last)
    {
        var path = Path.Combine(Directory, Segment.FileName(first, last));
        try
        {
            if (Segment.Load(Directory, first, last, Partitions.Length) is { } segment)
            {
                return segment;
            }

            if (!_options.ReadOnly)
            {
                // Its making was interrupted, so nothing in it was acknowledged.
                Segment.Delete(path);
            }
        }
        catch (DamagedSegmentException e) when (!_options.ReadOnly)
        {
            return Salvage(first, last, e);
        }

        return null;
    }

    private Segment? Salvage(long first, long last, DamagedSegmentException damage)
    {
        var saved = SegmentSalvage.Run(Directory, first, last, Partitions.Length, _options.Durability);
        _logger.LogError(
            damage,
            "topic {Topic}: segment {Segment} is damaged (a power cut with durability 'process'?); {Records} records of it were saved, the rest is lost; the file is kept as .damaged",
            Name,
            Segment.FileName(first, last),
            saved?.Records ?? 0);
        return saved?.Segment;
    }

    private bool HasRecords(Segment active) => Partitions.Any(p => p.Next > active.Bases[p.Index]);

    private void EnsureActive(long now)
    {
        if (Segments.Length == 0)
        {
            Roll(now);
        }
        else if (_active is null)
        {
            var last = Segments[^1];
            Adopt((last, last.OpenForAppend(_options.Durability)));
            _segmentBytes = last.Bytes;
        }

        if (_segmentBytes >= _options.SegmentBytes || (now - Segments[^1].Created >= _options.SegmentAge.Ticks * 100 && HasRecords(Segments[^1])))
        {
            Roll(now);
        }
    }

    private void Adopt((Segment Segment, SqliteDatabase Database) active)
    {
        _active = active.Database;
        _segmentBytes = 0;
        _walBytes = 0;
        if (_options.MaxPagesPerSegment is { } pages)
        {
            _active.Execute($"PRAGMA max_page_count={pages}");
        }

        _rows = [.. Partitions.Select(p => new RowWriter(_active, p.Index))];
        _begin = _active.Prepare("BEGIN IMMEDIATE");
        _commit = _active.Prepare("COMMIT");
        lock (_gate)
        {
            if (_segments is not [.., var last] || last != active.Segment)
            {
                Volatile.Write(ref _segments, [.. _segments, active.Segment]);
            }
        }
    }

    private void CloseActive()
    {
        foreach (var rows in _rows)
        {
            rows.Dispose();
        }

        _rows = [];
        _begin?.Dispose();
        _commit?.Dispose();
        _begin = _commit = null;
        _active?.Dispose();
        _active = null;
    }
}
