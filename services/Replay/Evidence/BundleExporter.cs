using System.Buffers.Binary;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Replay.Evidence;

/// <summary>
/// Makes an evidence bundle: records of the log with the proofs that they are what was sealed when they were written, readable
/// copies, hashes of configuration, models and profiles, a manifest and its signature, in one ZIP file.
/// </summary>
internal sealed class BundleExporter(IEventLog log, SigningKey key, TimeProvider time)
{
    /// <returns>The ZIP file's bytes.</returns>
    /// <exception cref="EvidenceException">A record is gone, or a segment of the log no longer matches its checkpoint.</exception>
    public async Task<byte[]> ExportAsync(ExportRequest request, CancellationToken cancellationToken)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        var claims = new List<BundleManifest.PartitionClaim>();
        var readable = new SortedDictionary<string, StringBuilder>(StringComparer.Ordinal);
        var models = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var profiles = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var configurations = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var unproved = request.EarlierRoots.Select(r => r.ToLowerInvariant()).ToHashSet(StringComparer.Ordinal);

        var partitions = request.Ranges.Select(r => (r.Topic, r.Partition)).Concat(request.Records.Select(r => (r.Topic, r.Partition))).Distinct().Order().ToList();
        if (partitions.Count == 0)
        {
            throw new EvidenceException("nothing to export: the request names no range and no record");
        }

        foreach (var (topic, partition) in partitions)
        {
            var ranges = request.Ranges.Where(r => r.Topic == topic && r.Partition == partition).ToList();
            var singles = request.Records.Where(r => r.Topic == topic && r.Partition == partition).Select(r => r.Offset).ToHashSet();
            var chain = new CheckpointChain(topic, partition);
            await chain.RefreshAsync(log, cancellationToken).ConfigureAwait(false);
            var collected = await CollectAsync(chain, ranges, singles, cancellationToken).ConfigureAwait(false);

            var earlier = chain.Checkpoints
                .Where(c => unproved.Remove(Convert.ToHexStringLower(c.ChainRoot.Span)))
                .Select(c => new PartitionProof.EarlierRoot(c.Index + 1, Convert.ToHexStringLower(c.ChainRoot.Span), Hex(MerkleTree.ConsistencyProof(chain.Leaves, c.Index + 1))))
                .ToList();
            var head = chain.Checkpoints.Count == 0 ? null : chain.Checkpoints[^1];
            var proof = new PartitionProof
            {
                Topic = topic,
                Partition = partition,
                Head = head is null ? null : new PartitionProof.ChainHead(head.Index + 1, Convert.ToHexStringLower(head.ChainRoot.Span), head.KeyId, Convert.ToHexStringLower(head.Signature.Span)),
                Earlier = earlier,
                Segments = collected.Segments,
            };
            files[$"proofs/{topic}.{partition}.json"] = JsonSerializer.SerializeToUtf8Bytes(proof, BundleManifest.Json);
            files[$"records/{topic}.{partition}.bin"] = Frame(collected.Records);
            claims.Add(new BundleManifest.PartitionClaim(topic, partition, collected.Records.Count, collected.Complete));
            foreach (var record in collected.Records)
            {
                AddReadable(record, readable, models, profiles, configurations);
            }
        }

        if (unproved.Count > 0)
        {
            throw new EvidenceException($"no checkpoint of the exported partitions has the root {string.Join(", ", unproved)}");
        }

        foreach (var (name, text) in readable)
        {
            files[name] = Encoding.UTF8.GetBytes(text.ToString());
        }

        if (request.Configuration is { } configuration)
        {
            files["configuration.yaml"] = configuration.ToArray();
            configurations["configuration.yaml"] = Convert.ToHexStringLower(SHA256.HashData(configuration.Span));
        }

        foreach (var (name, path) in request.ModelFiles)
        {
            await using var file = File.OpenRead(path);
            var hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellationToken).ConfigureAwait(false));
            if (models.TryGetValue(name, out var found) && found != hash)
            {
                throw new EvidenceException($"model {name}: the findings name the file with SHA-256 {found}, but '{path}' has {hash}");
            }

            models[name] = hash;
        }

        foreach (var (name, content) in request.Attachments)
        {
            files[$"attachments/{name}"] = content;
        }

        files["README.txt"] = Encoding.UTF8.GetBytes(Readme);
        files["key.pub"] = key.PublicKey;
        var manifest = new BundleManifest
        {
            Format = BundleManifest.CurrentFormat,
            Purpose = request.Purpose,
            CreatedAt = time.GetUtcNow(),
            CreatedBy = typeof(BundleExporter).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown",
            KeyId = key.Id,
            Partitions = claims,
            Configurations = Named(configurations),
            Models = Named(models),
            Profiles = Named(profiles),
            Files = [.. files.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => new BundleManifest.FileHash(f.Key, f.Value.Length, Convert.ToHexStringLower(SHA256.HashData(f.Value))))],
        };
        files["manifest.json"] = JsonSerializer.SerializeToUtf8Bytes(manifest, BundleManifest.Json);
        files["manifest.sig"] = key.Sign(files["manifest.json"]);
        return StoredZip.Write(files);
    }

    private sealed record Collected(List<LogEntry> Records, List<PartitionProof.SegmentProof> Segments, List<BundleManifest.OffsetSpan> Complete);

    private async Task<Collected> CollectAsync(CheckpointChain chain, List<LogRange> ranges, HashSet<long> singles, CancellationToken cancellationToken)
    {
        bool Wanted(long offset) => singles.Contains(offset) || ranges.Exists(r => offset >= r.From && offset < r.To);
        bool Touched(long from, long to) => singles.Any(o => o >= from && o < to) || ranges.Exists(r => r.From < to && r.To > from);

        var records = new List<LogEntry>();
        var segments = new List<PartitionProof.SegmentProof>();
        foreach (var checkpoint in chain.Checkpoints.Where(c => Touched(c.FromOffset, c.ToOffset)))
        {
            var segment = await ReadSegmentAsync(chain, checkpoint.FromOffset, checkpoint.ToOffset, Wanted, records, cancellationToken).ConfigureAwait(false);
            if (segment.Records != checkpoint.Records)
            {
                throw new EvidenceException($"{chain.Topic}/{chain.Partition}, segment {checkpoint.Index} (offsets {checkpoint.FromOffset} to {checkpoint.ToOffset - 1}): {checkpoint.Records} records were sealed, the log holds {segment.Records}; retention may have removed them");
            }

            if (segment.Root != Convert.ToHexStringLower(checkpoint.Root.Span))
            {
                throw new EvidenceException($"{chain.Topic}/{chain.Partition}, segment {checkpoint.Index} (offsets {checkpoint.FromOffset} to {checkpoint.ToOffset - 1}): the log was changed after it was sealed (root {segment.Root}, sealed {Convert.ToHexStringLower(checkpoint.Root.Span)})");
            }

            segments.Add(segment with { Checkpoint = PartitionProof.CheckpointText.From(checkpoint), Inclusion = Hex(MerkleTree.InclusionProof(chain.Leaves, checkpoint.Index)) });
        }

        var tail = chain.NextOffset ?? (await log.GetOffsetsAsync(chain.Topic, chain.Partition, cancellationToken).ConfigureAwait(false)).Start;
        if (Touched(tail, long.MaxValue))
        {
            var segment = await ReadSegmentAsync(chain, tail, long.MaxValue, Wanted, records, cancellationToken).ConfigureAwait(false);
            if (segment.Leaves.Count > 0)
            {
                segments.Add(segment);
            }
        }

        var found = records.Select(r => r.Offset).ToHashSet();
        if (singles.FirstOrDefault(o => !found.Contains(o), -1) is var missing and >= 0)
        {
            throw new EvidenceException($"{chain.Topic}/{chain.Partition} has no record at offset {missing}");
        }

        var complete = new List<BundleManifest.OffsetSpan>();
        foreach (var range in ranges)
        {
            var inside = records.Where(r => r.Offset >= range.From && r.Offset < range.To).ToList();
            if (inside.Count > 0)
            {
                complete.Add(new BundleManifest.OffsetSpan(inside[0].Offset, inside[^1].Offset));
            }
        }

        return new Collected(records, segments, complete);
    }

    private async Task<PartitionProof.SegmentProof> ReadSegmentAsync(CheckpointChain chain, long from, long to, Func<long, bool> wanted, List<LogEntry> records, CancellationToken cancellationToken)
    {
        var end = Math.Min(to, (await log.GetOffsetsAsync(chain.Topic, chain.Partition, cancellationToken).ConfigureAwait(false)).End);
        var hashes = new List<byte>();
        var leaves = new List<PartitionProof.LeafText>();
        byte[] buffer = [];
        var hash = new byte[MerkleTree.HashSize];
        await foreach (var entry in log.ReadAsync(chain.Topic, chain.Partition, from, end, cancellationToken).ConfigureAwait(false))
        {
            var length = CanonicalRecord.WriteLeaf(entry, ref buffer);
            MerkleTree.HashLeaf(buffer.AsSpan(0, length), hash);
            if (wanted(entry.Offset))
            {
                leaves.Add(new PartitionProof.LeafText(hashes.Count / MerkleTree.HashSize, entry.Offset, Convert.ToHexStringLower(hash)));
                records.Add(entry);
            }

            hashes.AddRange(hash);
        }

        var all = hashes.ToArray();
        return new PartitionProof.SegmentProof
        {
            Records = all.Length / MerkleTree.HashSize,
            Root = Convert.ToHexStringLower(MerkleTree.Root(all)),
            Leaves = leaves,
            Proof = Hex(MerkleTree.SubsetProof(all, leaves.Select(l => l.Leaf).ToArray())),
        };
    }

    private static void AddReadable(LogEntry record, SortedDictionary<string, StringBuilder> readable, SortedDictionary<string, string> models, SortedDictionary<string, string> profiles, SortedDictionary<string, string> configurations)
    {
        if (record.Value is not { } value)
        {
            return;
        }

        (string File, MessageParser Parser)? kind = record.Topic switch
        {
            Topics.InferenceEvents => ("events.jsonl", InferenceEvent.Parser),
            Topics.Findings => ("findings.jsonl", Finding.Parser),
            Topics.Explanations => ("explanations.jsonl", Explanation.Parser),
            Topics.Feedback => ("feedback.jsonl", Contracts.Feedback.Parser),
            Topics.Changes => ("changes.jsonl", Change.Parser),
            Topics.Controls => ("controls.jsonl", Control.Parser),
            Topics.Notifications => ("notifications.jsonl", Notification.Parser),
            _ => null,
        };
        if (kind is not { } known)
        {
            return;
        }

        IMessage message;
        try
        {
            message = known.Parser.ParseFrom(value.Span);
        }
        catch (InvalidProtocolBufferException)
        {
            // It is in the records, bytes and proof; there is only nothing readable to say about it.
            return;
        }

        if (!readable.TryGetValue(known.File, out var text))
        {
            readable[known.File] = text = new StringBuilder();
        }

        text.Append(JsonFormatter.Default.Format(message)).Append('\n');
        if (message is Finding { Provenance: { } provenance } finding)
        {
            Add(models, $"{finding.Model}@{finding.ModelVersion}", provenance.ModelSha256, finding);
            Add(profiles, $"{finding.Model}@{finding.ModelVersion}/{finding.Monitor}", provenance.ProfileSha256, finding);
            Add(configurations, finding.Id, provenance.ConfigurationSha256, finding);
        }
    }

    private static void Add(SortedDictionary<string, string> hashes, string name, string hash, Finding finding)
    {
        if (hash.Length == 0)
        {
            return;
        }

        // A profile may be replaced between two findings: the later one is then listed under its finding.
        if (!hashes.TryAdd(name, hash) && hashes[name] != hash)
        {
            hashes[$"{name}#{finding.Id}"] = hash;
        }
    }

    private static byte[] Frame(List<LogEntry> records)
    {
        using var output = new MemoryStream();
        Span<byte> length = stackalloc byte[4];
        foreach (var record in records)
        {
            var bytes = CanonicalRecord.ToBytes(record);
            BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
            output.Write(length);
            output.Write(bytes);
        }

        return output.ToArray();
    }

    private static List<BundleManifest.NamedHash> Named(SortedDictionary<string, string> hashes) => [.. hashes.Select(h => new BundleManifest.NamedHash(h.Key, h.Value))];

    private static string[] Hex(byte[][] hashes) => [.. hashes.Select(Convert.ToHexStringLower)];

    internal const string Readme =
        """
        Evidence bundle of Monitoring. Verify it offline: monitoring evidence verify FILE --key KEY.pub

        manifest.json   what the bundle claims; SHA-256 of every other file
        manifest.sig    ECDSA P-256 / SHA-256 over the bytes of manifest.json, r and s of 32 bytes
        key.pub         the signer's public key, SubjectPublicKeyInfo in DER; its SHA-256 is the key's id
        records/*.bin   records of the log: 4-byte big-endian length, canonical bytes
        proofs/*.json   RFC 6962 proofs: records -> segment root -> chain root, signed when they were written
        *.jsonl         the same records for reading

        A leaf is SHA-256(00 | canonical bytes), a node SHA-256(01 | left | right).
        """;
}
