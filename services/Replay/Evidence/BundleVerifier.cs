using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Replay.Evidence;

/// <summary>Verifies a bundle offline. Every check runs even where an earlier one failed, so that the report names all that is wrong.</summary>
internal sealed class BundleVerifier
{
    private readonly VerificationRequest _request;
    private readonly List<VerificationFailure> _failures = [];
    private int _sealed;
    private int _unsealed;

    private BundleVerifier(VerificationRequest request)
    {
        _request = request;
    }

    /// <summary>Verifies the bytes of a bundle. Never throws for what is in them.</summary>
    public static VerificationReport Verify(byte[] bundle, VerificationRequest request) => new BundleVerifier(request).Run(bundle);

    private VerificationReport Run(byte[] bundle)
    {
        var (files, fault) = StoredZip.Read(bundle);
        if (fault is not null)
        {
            Fail("container", "bundle", fault);
        }

        using var key = ReadKey(files);
        var manifest = ReadManifest(files, key);
        if (manifest is not null)
        {
            CheckFiles(files, manifest);
            CheckHashesAtHand("model", manifest.Models, _request.ModelHashes);
            CheckHashesAtHand("profile", manifest.Profiles, _request.ProfileHashes);
            if (files.TryGetValue("configuration.yaml", out var configuration)
                && Convert.ToHexStringLower(SHA256.HashData(configuration)) is var hash
                && manifest.Configurations.FirstOrDefault(c => c.Name == "configuration.yaml")?.Sha256 != hash)
            {
                Fail("configuration", "configuration.yaml", $"its SHA-256 is {hash}, the manifest says otherwise");
            }

            var knownRoots = _request.KnownRoots.Select(r => r.ToLowerInvariant()).ToHashSet(StringComparer.Ordinal);
            foreach (var claim in manifest.Partitions)
            {
                CheckPartition(files, manifest, claim, key, knownRoots);
            }

            foreach (var root in knownRoots)
            {
                Fail("root-unknown", root, "no chain in the bundle is proved to contain this root; export it with this root to have it proved");
            }
        }

        return new VerificationReport
        {
            Anchored = _request.TrustedKeyId is not null,
            KeyId = key?.Id,
            Purpose = manifest?.Purpose,
            CreatedAt = manifest?.CreatedAt,
            SealedRecords = _sealed,
            UnsealedRecords = _unsealed,
            Failures = _failures,
        };
    }

    private VerificationKey? ReadKey(SortedDictionary<string, byte[]> files)
    {
        if (!files.TryGetValue("key.pub", out var bytes))
        {
            Fail("file-missing", "key.pub", "the bundle holds no public key");
            return null;
        }

        try
        {
            var key = VerificationKey.Parse(bytes);
            if (_request.TrustedKeyId is { } trusted && !string.Equals(trusted, key.Id, StringComparison.OrdinalIgnoreCase))
            {
                Fail("key", "key.pub", $"signed with key {key.Id}, but {trusted} is the trusted one");
            }

            return key;
        }
        catch (InvalidDataException e)
        {
            Fail("key", "key.pub", e.Message);
            return null;
        }
    }

    private BundleManifest? ReadManifest(SortedDictionary<string, byte[]> files, VerificationKey? key)
    {
        if (!files.TryGetValue("manifest.json", out var bytes))
        {
            Fail("file-missing", "manifest.json", "the bundle holds no manifest");
            return null;
        }

        if (!files.TryGetValue("manifest.sig", out var signature))
        {
            Fail("file-missing", "manifest.sig", "the manifest is not signed");
        }
        else if (key is not null && !key.Verify(bytes, signature))
        {
            Fail("manifest-signature", "manifest.sig", $"key {key.Id} did not sign this manifest");
        }

        try
        {
            var manifest = JsonSerializer.Deserialize<BundleManifest>(bytes, BundleManifest.Json) ?? throw new JsonException("empty");
            if (manifest.Format != BundleManifest.CurrentFormat)
            {
                Fail("manifest", "manifest.json", $"format '{manifest.Format}' is not '{BundleManifest.CurrentFormat}'");
                return null;
            }

            if (key is not null && manifest.KeyId != key.Id)
            {
                Fail("key", "manifest.json", $"names key {manifest.KeyId}, but key.pub is {key.Id}");
            }

            return manifest;
        }
        catch (JsonException e)
        {
            Fail("manifest", "manifest.json", $"unreadable: {e.Message}");
            return null;
        }
    }

    private void CheckFiles(SortedDictionary<string, byte[]> files, BundleManifest manifest)
    {
        var listed = new HashSet<string>(StringComparer.Ordinal) { "manifest.json", "manifest.sig" };
        foreach (var file in manifest.Files)
        {
            listed.Add(file.Name);
            if (!files.TryGetValue(file.Name, out var content))
            {
                Fail("file-missing", file.Name, "listed in the manifest, but not in the bundle");
            }
            else if (Convert.ToHexStringLower(SHA256.HashData(content)) is var hash && hash != file.Sha256)
            {
                Fail("file-changed", file.Name, $"SHA-256 is {hash}, the manifest says {file.Sha256}");
            }
        }

        foreach (var name in files.Keys.Where(n => !listed.Contains(n)))
        {
            Fail("file-added", name, "not listed in the manifest");
        }
    }

    private void CheckHashesAtHand(string what, IReadOnlyList<BundleManifest.NamedHash> claimed, IReadOnlyDictionary<string, string> atHand)
    {
        foreach (var (name, hash) in atHand)
        {
            var claim = claimed.FirstOrDefault(c => c.Name == name);
            if (claim is null)
            {
                Fail(what, name, $"the bundle names no {what} '{name}'; it names {string.Join(", ", claimed.Select(c => c.Name))}");
            }
            else if (!string.Equals(claim.Sha256, hash, StringComparison.OrdinalIgnoreCase))
            {
                Fail(what, name, $"the file at hand has SHA-256 {hash}, the bundle names {claim.Sha256}");
            }
        }
    }

    private void CheckPartition(SortedDictionary<string, byte[]> files, BundleManifest manifest, BundleManifest.PartitionClaim claim, VerificationKey? key, HashSet<string> knownRoots)
    {
        var name = $"{claim.Topic}.{claim.Partition}";
        if (!files.TryGetValue($"proofs/{name}.json", out var proofBytes) || !files.TryGetValue($"records/{name}.bin", out var recordBytes))
        {
            return;
        }

        PartitionProof proof;
        try
        {
            proof = JsonSerializer.Deserialize<PartitionProof>(proofBytes, BundleManifest.Json) ?? throw new JsonException("empty");
            if (proof.Topic != claim.Topic || proof.Partition != claim.Partition)
            {
                throw new JsonException($"it is about {proof.Topic}/{proof.Partition}");
            }

            CheckHead(proof, key, knownRoots);
            var records = CheckRecords($"records/{name}.bin", recordBytes, proof, manifest);
            foreach (var segment in proof.Segments)
            {
                CheckSegment(proof, segment, records);
            }
        }
        catch (Exception e) when (e is JsonException or FormatException or NullReferenceException or ArgumentException)
        {
            Fail("proof", $"proofs/{name}.json", $"unreadable: {e.Message}");
            return;
        }

        if (claim.Records != proof.Segments.Sum(s => s.Leaves.Count))
        {
            Fail("record-count", name, $"the manifest says {claim.Records} records, the proof has {proof.Segments.Sum(s => s.Leaves.Count)}");
        }

        foreach (var span in claim.Complete)
        {
            CheckComplete(proof, span);
        }
    }

    private void CheckHead(PartitionProof proof, VerificationKey? key, HashSet<string> knownRoots)
    {
        if (proof.Head is not { } head)
        {
            if (proof.Earlier.Count > 0 || proof.Segments.Any(s => s.Checkpoint is not null))
            {
                Fail("chain", Where(proof), "there are checkpoints, but no head of their chain");
            }

            return;
        }

        var root = Convert.FromHexString(head.Root);
        if (key is not null && (head.KeyId != key.Id || !key.Verify(CheckpointBytes.Signed(proof.Topic, proof.Partition, head.Size, root), Convert.FromHexString(head.Signature))))
        {
            Fail("checkpoint-signature", Where(proof), $"key {key.Id} did not sign chain root {head.Root} of size {head.Size}");
        }

        knownRoots.Remove(head.Root);
        foreach (var earlier in proof.Earlier)
        {
            if (MerkleTree.VerifyConsistency(earlier.Size, Convert.FromHexString(earlier.Root), head.Size, root, Bytes(earlier.Consistency)))
            {
                knownRoots.Remove(earlier.Root);
            }
            else
            {
                Fail("chain", Where(proof), $"root {earlier.Root} of size {earlier.Size} is no prefix of the chain: history was rewritten");
            }
        }
    }

    /// <summary>Compares the records with the proof's list; returns hashes by offset.</summary>
    private Dictionary<long, byte[]> CheckRecords(string file, byte[] bytes, PartitionProof proof, BundleManifest manifest)
    {
        var expected = new Dictionary<long, string>();
        foreach (var leaf in proof.Segments.SelectMany(s => s.Leaves))
        {
            if (!expected.TryAdd(leaf.Offset, leaf.Hash))
            {
                Fail("proof", Where(proof), $"offset {leaf.Offset} is listed twice");
            }
        }

        var hashes = new Dictionary<long, byte[]>();
        var previous = long.MinValue;
        for (var position = 0; position < bytes.Length;)
        {
            var length = position + 4 <= bytes.Length ? BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(position)) : -1;
            if (length < 0 || length > bytes.Length - position - 4)
            {
                Fail("record-unreadable", file, $"no whole record at byte {position}");
                break;
            }

            var canonical = bytes.AsMemory(position + 4, length);
            LogEntry record;
            try
            {
                record = CanonicalRecord.Parse(canonical);
            }
            catch (InvalidDataException e)
            {
                Fail("record-unreadable", file, $"at byte {position}: {e.Message}");
                position += 4 + length;
                continue;
            }

            position += 4 + length;
            var where = $"{record.Topic}/{record.Partition}@{record.Offset}{Id(record)}";
            if (record.Topic != proof.Topic || record.Partition != proof.Partition)
            {
                Fail("record-added", where, $"is no record of {Where(proof)}");
                continue;
            }

            var hash = CanonicalRecord.LeafHash(canonical.Span);
            if (!expected.TryGetValue(record.Offset, out var listed))
            {
                Fail("record-added", where, "the proof lists no record at this offset");
            }
            else if (!hashes.TryAdd(record.Offset, hash))
            {
                Fail("record-added", where, "the record is there twice");
            }
            else if (Convert.ToHexStringLower(hash) != listed)
            {
                Fail("record-changed", where, $"leaf hash {Convert.ToHexStringLower(hash)}, the proof lists {listed}");
            }

            if (record.Offset <= previous)
            {
                Fail("record-order", where, $"stands behind offset {previous}");
            }

            previous = record.Offset;
            if (record.Topic == Topics.Findings)
            {
                CheckProvenance(record, where, manifest);
            }
        }

        foreach (var offset in expected.Keys.Where(o => !hashes.ContainsKey(o)).Order())
        {
            Fail("record-missing", $"{Where(proof)}@{offset}", "listed in the proof, but not in the bundle");
        }

        return hashes;
    }

    private void CheckProvenance(LogEntry record, string where, BundleManifest manifest)
    {
        Finding finding;
        try
        {
            finding = Finding.Parser.ParseFrom(record.Value is { } value ? value.Span : default);
        }
        catch (InvalidProtocolBufferException)
        {
            return;
        }

        void Check(string what, string hash, IReadOnlyList<BundleManifest.NamedHash> named)
        {
            if (hash.Length > 0 && named.All(n => n.Sha256 != hash))
            {
                Fail(what, where, $"the finding was made with {what} {hash}, which the manifest does not name");
            }
        }

        if (finding.Provenance is { } provenance)
        {
            Check("model", provenance.ModelSha256, manifest.Models);
            Check("profile", provenance.ProfileSha256, manifest.Profiles);
            Check("configuration", provenance.ConfigurationSha256, manifest.Configurations);
        }
    }

    private void CheckSegment(PartitionProof proof, PartitionProof.SegmentProof segment, Dictionary<long, byte[]> records)
    {
        var where = segment.Checkpoint is { } c ? $"{Where(proof)}, segment {c.Index} (offsets {c.FromOffset} to {c.ToOffset - 1})" : $"{Where(proof)}, unsealed tail";
        if (segment.Checkpoint is { } text)
        {
            var checkpoint = text.ToCheckpoint(proof.Topic, proof.Partition);
            if (proof.Head is { } head
                && !MerkleTree.VerifyInclusion(CheckpointBytes.LeafHash(checkpoint), checkpoint.Index, head.Size, Bytes(segment.Inclusion), Convert.FromHexString(head.Root)))
            {
                Fail("checkpoint", where, "the checkpoint is not part of the signed chain");
            }

            if (text.Root != segment.Root || text.Records != segment.Records)
            {
                Fail("segment-root", where, $"the proof is for root {segment.Root} of {segment.Records} records, the checkpoint says {text.Root} of {text.Records}");
            }

            if (segment.Leaves.FirstOrDefault(l => l.Offset < text.FromOffset || l.Offset >= text.ToOffset) is { } outside)
            {
                Fail("segment-root", where, $"offset {outside.Offset} lies outside");
            }
        }

        for (var i = 1; i < segment.Leaves.Count; i++)
        {
            if (segment.Leaves[i].Offset <= segment.Leaves[i - 1].Offset)
            {
                Fail("record-order", where, $"offset {segment.Leaves[i].Offset} is listed behind {segment.Leaves[i - 1].Offset}");
            }
        }

        // Records that are missing or unreadable have been named; their listed hashes stand in, so that the rest is still checked.
        var hashes = new byte[segment.Leaves.Count * MerkleTree.HashSize];
        for (var i = 0; i < segment.Leaves.Count; i++)
        {
            var hash = records.GetValueOrDefault(segment.Leaves[i].Offset) ?? Convert.FromHexString(segment.Leaves[i].Hash);
            if (hash.Length != MerkleTree.HashSize)
            {
                throw new FormatException("a leaf hash has the wrong length");
            }

            hash.CopyTo(hashes, i * MerkleTree.HashSize);
        }

        var root = MerkleTree.RootFromSubset(segment.Records, segment.Leaves.Select(l => l.Leaf).ToArray(), hashes, Bytes(segment.Proof));
        if (root is null || Convert.ToHexStringLower(root) != segment.Root)
        {
            Fail("segment-root", where, "the records and their proof do not lead to the sealed root");
        }
        else if (segment.Checkpoint is not null)
        {
            _sealed += segment.Leaves.Count;
        }
        else
        {
            _unsealed += segment.Leaves.Count;
        }
    }

    private void CheckComplete(PartitionProof proof, BundleManifest.OffsetSpan span)
    {
        PartitionProof.SegmentProof? before = null;
        var first = true;
        PartitionProof.LeafText? last = null;
        foreach (var segment in proof.Segments)
        {
            var inside = segment.Leaves.Where(l => l.Offset >= span.First && l.Offset <= span.Last).ToList();
            if (inside.Count == 0)
            {
                continue;
            }

            var whole = inside[^1].Leaf - inside[0].Leaf + 1 == inside.Count;
            var joined = first
                ? inside[0].Offset == span.First
                : inside[0].Leaf == 0 && last!.Leaf == before!.Records - 1 && Follows(before, segment);
            if (!whole || !joined)
            {
                Fail("range-incomplete", $"{Where(proof)}@{span.First}-{span.Last}", $"records before offset {inside[^1].Offset} are left out");
            }

            (before, last, first) = (segment, inside[^1], false);
        }

        if (last?.Offset != span.Last)
        {
            Fail("range-incomplete", $"{Where(proof)}@{span.First}-{span.Last}", "the end of the range is left out");
        }
    }

    private static bool Follows(PartitionProof.SegmentProof before, PartitionProof.SegmentProof next) =>
        next.Checkpoint is null || (before.Checkpoint is { } b && next.Checkpoint.Index == b.Index + 1 && next.Checkpoint.FromOffset == b.ToOffset);

    private static string Where(PartitionProof proof) => $"{proof.Topic}/{proof.Partition}";

    private static string Id(LogEntry record)
    {
        foreach (var header in record.Headers)
        {
            if (header.Name == Headers.Id)
            {
                return $" (id {Encoding.UTF8.GetString(header.Value.Span)})";
            }
        }

        return "";
    }

    private static byte[][] Bytes(string[] hex) => [.. hex.Select(Convert.FromHexString)];

    private void Fail(string check, string where, string detail) => _failures.Add(new VerificationFailure(check, where, detail));
}
