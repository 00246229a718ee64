using System.Runtime.InteropServices;
using System.Text;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Replay.Evidence;

/// <summary>
/// The checkpoints of one partition, as read from <see cref="Topics.Evidence"/>. A checkpoint continues the chain when its number is
/// the next one and it names the current chain root; what does not (a late write of an earlier owner) is left out and counted.
/// </summary>
internal sealed class CheckpointChain(string topic, int partition)
{
    private readonly List<Checkpoint> _checkpoints = [];
    private readonly List<byte> _leaves = [];
    private readonly MerkleFrontier _frontier = new();
    private byte[] _root = MerkleTree.EmptyRoot;
    private long _read;

    public string Topic => topic;

    public int Partition => partition;

    public IReadOnlyList<Checkpoint> Checkpoints => _checkpoints;

    /// <summary>Leaf hashes of the chain's tree, n × 32 bytes.</summary>
    public ReadOnlySpan<byte> Leaves => CollectionsMarshal.AsSpan(_leaves);

    public ReadOnlySpan<byte> Root => _root;

    /// <summary>Checkpoints of this partition that did not continue the chain.</summary>
    public int Rejected { get; private set; }

    /// <summary>Offset behind the last sealed record; null where nothing is sealed.</summary>
    public long? NextOffset => _checkpoints.Count == 0 ? null : _checkpoints[^1].ToOffset;

    /// <summary>Reads what was appended to the topic since the last call.</summary>
    public async ValueTask RefreshAsync(IEventLog log, CancellationToken cancellationToken)
    {
        var offsets = await log.GetOffsetsAsync(Topics.Evidence, 0, cancellationToken).ConfigureAwait(false);
        await foreach (var entry in log.ReadAsync(Topics.Evidence, 0, Math.Max(_read, offsets.Start), offsets.End, cancellationToken).ConfigureAwait(false))
        {
            _read = entry.Offset + 1;
            if (entry.Value is { } value && entry.Key.Span.SequenceEqual(Key(topic, partition)))
            {
                Accept(Checkpoint.Parser.ParseFrom(value.Span));
            }
        }
    }

    /// <summary>Seals records as the next checkpoint of the chain and appends it to the topic.</summary>
    /// <param name="log">The log.</param>
    /// <param name="key">Signs it.</param>
    /// <param name="segmentRoot">Root over the records' leaf hashes.</param>
    /// <param name="records">How many they are.</param>
    /// <param name="from">First offset covered.</param>
    /// <param name="to">Offset behind the last record.</param>
    /// <param name="firstTime">Log time of the first record.</param>
    /// <param name="lastTime">Log time of the last record.</param>
    /// <param name="cancellationToken">Stops before the append.</param>
    /// <exception cref="EventLogException">Another owner has sealed records of this partition meanwhile: start again from the log.</exception>
    public async ValueTask<Checkpoint> SealAsync(IEventLog log, SigningKey key, byte[] segmentRoot, int records, long from, long to, long firstTime, long lastTime, CancellationToken cancellationToken)
    {
        var before = _checkpoints.Count;
        await RefreshAsync(log, cancellationToken).ConfigureAwait(false);
        if (_checkpoints.Count != before)
        {
            throw new EventLogException($"records of {topic}/{partition} were sealed by another owner up to offset {NextOffset}", isTransient: true);
        }

        var checkpoint = new Checkpoint
        {
            Topic = topic,
            Partition = partition,
            Index = _checkpoints.Count,
            FromOffset = from,
            ToOffset = to,
            Records = records,
            FirstTimeUnixNano = firstTime,
            LastTimeUnixNano = lastTime,
            Root = ByteString.CopyFrom(segmentRoot),
            Previous = ByteString.CopyFrom(_root),
            KeyId = key.Id,
        };
        var root = _frontier.RootWith(CheckpointBytes.LeafHash(checkpoint));
        checkpoint.ChainRoot = ByteString.CopyFrom(root);
        checkpoint.Signature = ByteString.CopyFrom(key.Sign(CheckpointBytes.Signed(topic, partition, checkpoint.Index + 1, root)));
        var position = await log.AppendAsync(
            Topics.Evidence,
            new LogRecord(Key(topic, partition), checkpoint.ToByteArray(), [new LogHeader(Headers.Type, Encoding.UTF8.GetBytes(EventTypes.Checkpoint))], Partition: 0),
            cancellationToken).ConfigureAwait(false);
        Accept(checkpoint);

        // Where checkpoints of other partitions lie between, the next refresh meets our own again and knows it.
        if (position.Offset == _read)
        {
            _read++;
        }

        return checkpoint;
    }

    private static byte[] Key(string topic, int partition) => Encoding.UTF8.GetBytes($"{topic}/{partition}");

    private void Accept(Checkpoint checkpoint)
    {
        if (_checkpoints.Count > 0 && checkpoint.Equals(_checkpoints[^1]))
        {
            return;
        }

        if (checkpoint.Index == _checkpoints.Count && checkpoint.Previous.Span.SequenceEqual(_root) && (NextOffset is not { } next || checkpoint.FromOffset >= next))
        {
            var leaf = CheckpointBytes.LeafHash(checkpoint);
            var root = _frontier.RootWith(leaf);
            if (checkpoint.ChainRoot.Span.SequenceEqual(root))
            {
                _checkpoints.Add(checkpoint);
                _leaves.AddRange(leaf);
                _frontier.Append(leaf);
                _root = root;
                return;
            }
        }

        Rejected++;
    }
}
