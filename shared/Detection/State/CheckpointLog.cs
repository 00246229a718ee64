using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Detection;

/// <summary>
/// Checkpoints of one partition of a group in its compacted state topic (RUNTIME 4, docs/adr on consistent checkpoints). A checkpoint is a set
/// of changed values and then a manifest; only what a manifest covers is ever restored, so a torn checkpoint does not exist.
/// <para>
/// Two things make that true although only the newest record of a key survives compaction. A value has two slots per owner
/// epoch and is written to the one that the last manifest does not refer to. And the epoch is part of the key, so a former owner's late
/// write lands beside the new owner's values, never over them; it is recognised by its number, left out and counted.
/// </para>
/// Not safe for use by several threads at once.
/// </summary>
internal sealed class CheckpointLog(IEventLog log, string group, int partition, int partitionCount)
{
    /// <summary>Largest payload of one record; larger values are cut into chunks.</summary>
    public const int ChunkBytes = 512 * 1024;

    /// <summary>Bytes before the payload of a record.</summary>
    public const int HeaderBytes = 8 + 4 + 4 + 1 + 8;

    /// <summary>Bytes to append at once, about.</summary>
    public const int AppendBytes = 2 * 1024 * 1024;
    private readonly string _topic = Topics.State(group);
    private readonly Dictionary<StateKey, Location> _committed = [];
    private readonly List<string> _garbage = [];

    /// <summary>Written since the last manifest.</summary>
    private readonly List<(StateKey Key, Location Location)> _written = [];
    private SortedDictionary<long, long> _ancestors = [];
    private long _epoch;
    private long _epochBegan;
    private long _checkpoint;

    /// <summary>Epoch under which this owner writes.</summary>
    public long Epoch => _epoch;

    /// <summary>Makes the topic if it is not there.</summary>
    public ValueTask EnsureTopicAsync(CancellationToken cancellationToken) =>
        log.EnsureTopicAsync(new TopicDefinition(_topic, partitionCount, Compacted: true), cancellationToken);

    /// <summary>Reads the newest valid checkpoint.</summary>
    /// <param name="ownerEpoch">Epoch of the assignment; it grows with every change of owner.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="InvalidDataException">A value that the manifest covers is missing or damaged.</exception>
    public async ValueTask<RestoredState> RestoreAsync(long ownerEpoch, CancellationToken cancellationToken)
    {
        var physical = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        var range = await log.GetOffsetsAsync(_topic, partition, cancellationToken).ConfigureAwait(false);
        await foreach (var entry in log.ReadAsync(_topic, partition, range.Start, range.End, cancellationToken).ConfigureAwait(false))
        {
            var key = Encoding.UTF8.GetString(entry.Key.Span);
            if (entry.Value is { } value)
            {
                physical[key] = value.ToArray();
            }
            else
            {
                physical.Remove(key);
            }
        }

        Manifest? manifest = null;
        var newestEpoch = 0L;
        foreach (var (key, value) in physical)
        {
            if (!key.StartsWith("m|", StringComparison.Ordinal))
            {
                newestEpoch = Math.Max(newestEpoch, PhysicalKey.Parse(key).Epoch);
                continue;
            }

            var candidate = Manifest.FromBytes(value);
            newestEpoch = Math.Max(newestEpoch, candidate.OwnerEpoch);
            if (manifest is null || candidate.OwnerEpoch > manifest.OwnerEpoch)
            {
                manifest = candidate;
            }
        }

        // Group generations start anew when a group is deleted; the state must not take that for an old owner.
        _epoch = ownerEpoch > newestEpoch ? ownerEpoch : newestEpoch + Math.Max(1, ownerEpoch);
        _epochBegan = manifest?.ResumeOffset ?? 0;
        _checkpoint = 0;
        _committed.Clear();
        _garbage.Clear();
        _written.Clear();

        var covered = new SortedDictionary<long, long>(manifest?.Ancestors ?? []);
        if (manifest is not null)
        {
            covered[manifest.OwnerEpoch] = manifest.Checkpoint;
        }

        var late = 0;
        var values = new SortedDictionary<StateKey, byte[]>();
        foreach (var (key, value) in physical)
        {
            if (key.StartsWith("m|", StringComparison.Ordinal))
            {
                _garbage.Add(key);
                continue;
            }

            var name = PhysicalKey.Parse(key);
            if (name.Chunk != 0)
            {
                continue;
            }

            var header = Header.Read(value);
            if (!covered.TryGetValue(name.Epoch, out var last) || header.Checkpoint > last)
            {
                late += manifest is not null && name.Epoch < manifest.OwnerEpoch ? 1 : 0;
                AddGarbage(name, header.Chunks);
                continue;
            }

            var location = new Location(name.Epoch, name.Slot, header.Checkpoint, header.Chunks, header.Deleted);
            if (_committed.TryGetValue(name.State, out var known))
            {
                var older = known.IsNewerThan(location) ? location : known;
                AddGarbage(new PhysicalKey(name.State, older.Epoch, older.Slot, 0), older.Chunks);
                if (older == location)
                {
                    continue;
                }
            }

            _committed[name.State] = location;
        }

        foreach (var (state, location) in _committed.ToList())
        {
            if (location.Deleted)
            {
                AddGarbage(new PhysicalKey(state, location.Epoch, location.Slot, 0), location.Chunks);
                _committed.Remove(state);
                continue;
            }

            values.Add(state, Assemble(physical, state, location));
        }

        _ancestors = covered;
        return new RestoredState(manifest, values, late);
    }

    /// <summary>Appends the values and forgets them in <paramref name="changes"/>. They count from <see cref="CommitAsync"/> on.</summary>
    public async ValueTask AppendAsync(StateChanges changes, CancellationToken cancellationToken)
    {
        var records = new List<LogRecord>(changes.Values.Count);
        foreach (var (key, start, length) in changes.Values)
        {
            var location = Next(key, (length + ChunkBytes - 1) / ChunkBytes, deleted: false);
            var header = new Header(location.Checkpoint, length, location.Chunks, false, StableHash.Of(changes.Buffer.AsSpan(start, length)));
            for (var chunk = 0; chunk < location.Chunks; chunk++)
            {
                var from = start + (chunk * ChunkBytes);
                var size = Math.Min(ChunkBytes, start + length - from);

                // The first header has its place before the value; a later one would lie in the chunk before it.
                var record = chunk == 0 ? changes.Buffer.AsMemory(start - HeaderBytes, HeaderBytes + size) : new byte[HeaderBytes + size];
                header.Write(record.Span);
                if (chunk > 0)
                {
                    changes.Buffer.AsSpan(from, size).CopyTo(record.Span[HeaderBytes..]);
                }

                records.Add(new LogRecord(Encoding.UTF8.GetBytes(new PhysicalKey(key, _epoch, location.Slot, chunk).ToText()), record, [], partition));
            }
        }

        if (records.Count > 0)
        {
            await log.AppendAsync(_topic, records, cancellationToken).ConfigureAwait(false);
        }

        changes.Clear();
    }

    /// <summary>Makes what was appended since the last time a checkpoint: appends what is left and what is gone, waits until it is durable, then appends the manifest.</summary>
    /// <param name="changes">The last values, and the keys that are gone.</param>
    /// <param name="resumeOffset">First input offset that is not in the state.</param>
    /// <param name="configurationSha256">Configuration under which the state was made.</param>
    /// <param name="cancellationToken">Gives up: the checkpoint then does not exist.</param>
    public async ValueTask CommitAsync(StateChanges changes, long resumeOffset, string configurationSha256, CancellationToken cancellationToken)
    {
        await AppendAsync(changes, cancellationToken).ConfigureAwait(false);
        var number = _checkpoint + 1;
        var gone = new List<LogRecord>();
        foreach (var key in changes.Removed.Where(_committed.ContainsKey))
        {
            var location = Next(key, 1, deleted: true);
            var record = new byte[HeaderBytes];
            new Header(number, 0, 1, true, StableHash.Of(ReadOnlySpan<byte>.Empty)).Write(record);
            gone.Add(new LogRecord(Encoding.UTF8.GetBytes(new PhysicalKey(key, _epoch, location.Slot, 0).ToText()), record, [], partition));
        }

        if (gone.Count > 0)
        {
            await log.AppendAsync(_topic, gone, cancellationToken).ConfigureAwait(false);
        }

        var before = _written.ConvertAll(w => (w.Key, Known: _committed.GetValueOrDefault(w.Key)));
        foreach (var (key, location) in _written)
        {
            _committed[key] = location;
        }

        _written.Clear();

        var live = _committed.Values.Select(l => l.Epoch).ToHashSet();
        foreach (var dead in _ancestors.Keys.Where(e => !live.Contains(e)).ToList())
        {
            _ancestors.Remove(dead);
        }

        var manifest = new Manifest(_epoch, _epochBegan, number, resumeOffset, configurationSha256, partitionCount, _ancestors);
        await log.AppendAsync(_topic, new LogRecord(Encoding.UTF8.GetBytes(ManifestKey(_epoch)), manifest.ToBytes(), [], partition), cancellationToken).ConfigureAwait(false);
        _checkpoint = number;
        foreach (var (key, known) in before)
        {
            var current = _committed[key];
            if (known is not null && (known.Epoch != _epoch || current.Deleted))
            {
                AddGarbage(new PhysicalKey(key, known.Epoch, known.Slot, 0), known.Chunks);
            }

            if (current.Deleted)
            {
                // After the record it hides, in this order: what survives a crash in between is still "gone".
                AddGarbage(new PhysicalKey(key, current.Epoch, 1 - current.Slot, 0), current.Chunks);
                AddGarbage(new PhysicalKey(key, current.Epoch, current.Slot, 0), current.Chunks);
                _committed.Remove(key);
            }
        }

        if (_garbage.Count > 0)
        {
            await log.AppendAsync(_topic, [.. _garbage.Select(k => new LogRecord(Encoding.UTF8.GetBytes(k), null, [], partition))], cancellationToken).ConfigureAwait(false);
            _garbage.Clear();
        }
    }

    internal static string ManifestKey(long epoch) => "m|" + epoch.ToString(CultureInfo.InvariantCulture);

    private static byte[] Assemble(Dictionary<string, byte[]> physical, StateKey state, Location location)
    {
        var first = physical[new PhysicalKey(state, location.Epoch, location.Slot, 0).ToText()];
        var header = Header.Read(first);
        var value = new byte[header.Length];
        var at = 0;
        for (var chunk = 0; chunk < header.Chunks; chunk++)
        {
            if (!physical.TryGetValue(new PhysicalKey(state, location.Epoch, location.Slot, chunk).ToText(), out var record)
                || Header.Read(record).Checkpoint != header.Checkpoint)
            {
                throw new InvalidDataException($"state of {Show(state)}: chunk {chunk} of {header.Chunks} is missing");
            }

            var payload = record.AsSpan(HeaderBytes);
            if (payload.Length > value.Length - at)
            {
                throw new InvalidDataException($"state of {Show(state)}: chunk {chunk} is longer than its value");
            }

            payload.CopyTo(value.AsSpan(at));
            at += payload.Length;
        }

        return at == value.Length && StableHash.Of(value) == header.Hash
            ? value
            : throw new InvalidDataException($"state of {Show(state)}: {at} of {value.Length} bytes, or other bytes than were written");
    }

    private static string Show(StateKey key) => $"model '{key.Model}' version '{key.Version}' monitor '{key.Monitor}' part '{key.Part}'";

    /// <summary>Where the next value of a key goes: the slot that the last manifest does not refer to.</summary>
    private Location Next(StateKey key, int chunks, bool deleted)
    {
        var slot = _committed.TryGetValue(key, out var last) && last.Epoch == _epoch ? 1 - last.Slot : 0;
        var location = new Location(_epoch, slot, _checkpoint + 1, Math.Max(1, chunks), deleted);
        _written.Add((key, location));
        return location;
    }

    private void AddGarbage(PhysicalKey key, int chunks)
    {
        for (var chunk = 0; chunk < chunks; chunk++)
        {
            _garbage.Add((key with { Chunk = chunk }).ToText());
        }
    }

    private sealed record Location(long Epoch, int Slot, long Checkpoint, int Chunks, bool Deleted)
    {
        public bool IsNewerThan(Location other) => (Epoch, Checkpoint).CompareTo((other.Epoch, other.Checkpoint)) > 0;
    }

    private readonly record struct PhysicalKey(StateKey State, long Epoch, int Slot, int Chunk)
    {
        public string ToText() => string.Create(CultureInfo.InvariantCulture, $"v|{Epoch}|{Slot}|{Chunk}|{State.ToText()}");

        public static PhysicalKey Parse(string text)
        {
            var parts = text.Split('|', 5);
            return parts.Length == 5 && parts[0] == "v"
                ? new PhysicalKey(StateKey.Parse(parts[4]), long.Parse(parts[1], CultureInfo.InvariantCulture), int.Parse(parts[2], CultureInfo.InvariantCulture), int.Parse(parts[3], CultureInfo.InvariantCulture))
                : throw new InvalidDataException($"unknown record '{text}' in a state topic");
        }
    }

    private readonly record struct Header(long Checkpoint, int Length, int Chunks, bool Deleted, ulong Hash)
    {
        public void Write(Span<byte> record)
        {
            BinaryPrimitives.WriteInt64LittleEndian(record, Checkpoint);
            BinaryPrimitives.WriteInt32LittleEndian(record[8..], Length);
            BinaryPrimitives.WriteInt32LittleEndian(record[12..], Chunks);
            record[16] = Deleted ? (byte)1 : (byte)0;
            BinaryPrimitives.WriteUInt64LittleEndian(record[17..], Hash);
        }

        public static Header Read(ReadOnlySpan<byte> record)
        {
            if (record.Length < HeaderBytes)
            {
                throw new InvalidDataException($"a state record of {record.Length} bytes");
            }

            var header = new Header(
                BinaryPrimitives.ReadInt64LittleEndian(record),
                BinaryPrimitives.ReadInt32LittleEndian(record[8..]),
                BinaryPrimitives.ReadInt32LittleEndian(record[12..]),
                record[16] == 1,
                BinaryPrimitives.ReadUInt64LittleEndian(record[17..]));
            return header.Length >= 0 && header.Chunks >= 1 && header.Chunks <= (header.Length / ChunkBytes) + 1
                ? header
                : throw new InvalidDataException($"a state record that announces {header.Chunks} chunks and {header.Length} bytes");
        }
    }
}
