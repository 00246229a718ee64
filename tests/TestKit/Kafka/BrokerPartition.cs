namespace Monitoring.TestKit.Kafka;

/// <summary>One partition: its batches, where it starts and ends, and what each idempotent producer sent last.</summary>
internal sealed class BrokerPartition
{
    /// <summary>One broker, one leader, for ever.</summary>
    public const int LeaderEpoch = 0;

    /// <summary>Batches of a producer that a broker knows again.</summary>
    private const int Remembered = 5;
    private readonly List<RecordBatch> _batches = [];
    private readonly Dictionary<long, ProducerState> _producers = [];

    public long Start { get; private set; }

    public long End { get; private set; }

    /// <summary>Appends what was parsed, or says why not; a batch that is here already gets its first offset again.</summary>
    public (KafkaError Error, long Offset) Append(RecordBatch batch, TopicSettings settings, long now)
    {
        if (batch.ProducerId >= 0)
        {
            if (!_producers.TryGetValue(batch.ProducerId, out var state))
            {
                // What retention has taken, or a day of silence has made it forget, a broker does not miss: any number may come first.
                state = new ProducerState { Epoch = batch.ProducerEpoch };
                _producers[batch.ProducerId] = state;
            }

            if (batch.ProducerEpoch < state.Epoch)
            {
                return (KafkaError.InvalidProducerEpoch, -1);
            }

            var last = (int)((batch.FirstSequence + (long)batch.Count - 1) & int.MaxValue);
            if (batch.ProducerEpoch > state.Epoch)
            {
                if (batch.FirstSequence != 0)
                {
                    return (KafkaError.OutOfOrderSequenceNumber, -1);
                }

                state.Epoch = batch.ProducerEpoch;
                state.Batches.Clear();
            }
            else if (state.Batches.Count > 0)
            {
                if (state.Batches.Find(b => b.First == batch.FirstSequence && b.Last == last) is { } known)
                {
                    return (KafkaError.None, known.Offset);
                }

                if (batch.FirstSequence != (int)((state.Batches[^1].Last + 1L) & int.MaxValue))
                {
                    return (KafkaError.OutOfOrderSequenceNumber, -1);
                }
            }

            state.Batches.Add(new Sent(batch.FirstSequence, last, End));
            if (state.Batches.Count > Remembered)
            {
                state.Batches.RemoveAt(0);
            }
        }

        var offset = End;
        batch.Place(offset, now, settings.HasAppendTime);
        _batches.Add(batch);
        End = offset + batch.Count;
        return (KafkaError.None, offset);
    }

    /// <summary>Whole batches from the one that holds the offset on, up to a size; the first one whatever its size where <paramref name="atLeastOne"/>.</summary>
    public List<ReadOnlyMemory<byte>> Read(long offset, int maxBytes, bool atLeastOne)
    {
        var found = new List<ReadOnlyMemory<byte>>();
        var bytes = 0;
        for (var i = IndexOf(offset); i < _batches.Count; i++)
        {
            if (bytes + _batches[i].Bytes.Length > maxBytes && !(atLeastOne && found.Count == 0))
            {
                break;
            }

            bytes += _batches[i].Bytes.Length;
            found.Add(_batches[i].Bytes);
        }

        return found;
    }

    /// <summary>First record at or after a time, in milliseconds since 1970.</summary>
    public (long Offset, long Time)? Find(long time)
    {
        foreach (var batch in _batches.Where(b => b.MaxTime >= time))
        {
            foreach (var record in batch.Records())
            {
                if (batch.BaseOffset + record.OffsetDelta >= Start && batch.TimeOf(record.TimeDelta) >= time)
                {
                    return (batch.BaseOffset + record.OffsetDelta, batch.TimeOf(record.TimeDelta));
                }
            }
        }

        return null;
    }

    /// <summary>Everything below the offset is gone.</summary>
    public void RemoveBefore(long offset)
    {
        Start = Math.Max(Start, offset);
        _batches.RemoveAll(b => b.LastOffset < Start);
    }

    /// <summary>As the log cleaner: of every key the newest record stays, in place; the newest batch, which would be in the active segment, is left alone.</summary>
    public void Compact()
    {
        var newest = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var batch in _batches)
        {
            foreach (var record in batch.Records())
            {
                newest[Convert.ToHexString(record.Key!.Value.Span)] = batch.BaseOffset + record.OffsetDelta;
            }
        }

        for (var i = _batches.Count - 2; i >= 0; i--)
        {
            if (_batches[i].Keep((offset, key) => newest[Convert.ToHexString(key.Span)] == offset) is { } kept)
            {
                _batches[i] = kept;
            }
            else
            {
                _batches.RemoveAt(i);
            }
        }
    }

    private int IndexOf(long offset)
    {
        var (low, high) = (0, _batches.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_batches[middle].LastOffset < offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private sealed record Sent(int First, int Last, long Offset);

    private sealed class ProducerState
    {
        public short Epoch { get; set; }

        public List<Sent> Batches { get; } = [];
    }
}
