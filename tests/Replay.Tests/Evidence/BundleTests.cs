using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Monitoring.Contracts;
using Monitoring.Replay.Evidence;

namespace Monitoring.Replay.Tests.Evidence;

public sealed class BundleTests
{
    private static readonly ExportRequest s_request = new()
    {
        Purpose = "incident 17",
        Ranges = [new LogRange(Topics.InferenceEvents, 0, 10, 43)],
        Records = [new RecordPosition(Topics.InferenceEvents, 0, 2), new RecordPosition(Topics.InferenceEvents, 0, 66), new RecordPosition(Topics.Findings, 0, 1), new RecordPosition(Topics.Findings, 0, 17)],
        Configuration = "models: {}\n"u8.ToArray(),
    };

    [Fact]
    public async Task Bundle_verifies_and_any_zip_tool_reads_it()
    {
        using var log = await SealedLog.CreateAsync(events: 70, findings: 20);
        var bundle = await log.ExportAsync(s_request);
        var report = BundleVerifier.Verify(bundle, new VerificationRequest { TrustedKeyId = log.Key.Id });

        Assert.Empty(report.Failures);
        Assert.True(report.Valid);
        Assert.True(report.Anchored);
        Assert.Equal("incident 17", report.Purpose);
        Assert.Equal(33 + 1 + 1, report.SealedRecords);
        Assert.Equal(1 + 1, report.UnsealedRecords);

        using var zip = new ZipArchive(new MemoryStream(bundle));
        using var reader = new StreamReader(zip.GetEntry("events.jsonl")!.Open());
        Assert.Equal(35, (await reader.ReadToEndAsync(TestContext.Current.CancellationToken)).Count(c => c == '\n'));
    }

    [Fact]
    public async Task Without_a_trusted_key_the_report_says_so()
    {
        using var log = await SealedLog.CreateAsync(events: 20, findings: 0);
        var report = BundleVerifier.Verify(await log.ExportAsync(new ExportRequest { Purpose = "p", Records = [new RecordPosition(Topics.InferenceEvents, 0, 2)] }), new VerificationRequest());
        Assert.True(report.Valid);
        Assert.False(report.Anchored);
    }

    [Fact]
    public async Task Log_changed_after_sealing_is_named_at_export()
    {
        using var log = await SealedLog.CreateAsync(events: 70, findings: 0);
        var records = log.Log.Partition(Topics.InferenceEvents, 0);
        records[20] = records[20] with { TimeUnixNano = records[20].TimeUnixNano + 1 };
        var changed = await Assert.ThrowsAsync<EvidenceException>(() => log.ExportAsync(new ExportRequest { Purpose = "p", Records = [new RecordPosition(Topics.InferenceEvents, 0, 16)] }));
        Assert.Contains("inference.events/0, segment 1 (offsets 16 to 31): the log was changed after it was sealed", changed.Message, StringComparison.Ordinal);

        records.RemoveAt(0);
        var gone = await Assert.ThrowsAsync<EvidenceException>(() => log.ExportAsync(new ExportRequest { Purpose = "p", Records = [new RecordPosition(Topics.InferenceEvents, 0, 1)] }));
        Assert.Contains("16 records were sealed, the log holds 15", gone.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Root_seen_in_a_notification_is_proved_and_a_rewritten_history_is_not()
    {
        using var log = await SealedLog.CreateAsync(events: 40, findings: 0);
        var seen = Convert.ToHexStringLower((await log.ChainAsync(Topics.InferenceEvents)).Root);
        for (var i = 40; i < 90; i++)
        {
            await log.Log.AppendAsync(Topics.InferenceEvents, SealedLog.Event(i));
        }

        await log.SealAsync(Topics.InferenceEvents);
        var request = new ExportRequest { Purpose = "p", Records = [new RecordPosition(Topics.InferenceEvents, 0, 2)], EarlierRoots = [seen] };
        Assert.Empty(BundleVerifier.Verify(await log.ExportAsync(request), new VerificationRequest { KnownRoots = [seen] }).Failures);

        // Whoever holds the key can seal another history, but not one that contains the root which was printed.
        var records = log.Log.Partition(Topics.InferenceEvents, 0);
        records[5] = records[5] with { TimeUnixNano = 1 };
        log.Log.Partition(Topics.Evidence, 0).Clear();
        await log.SealAsync(Topics.InferenceEvents);
        var forged = BundleVerifier.Verify(await log.ExportAsync(request with { EarlierRoots = [] }), new VerificationRequest { TrustedKeyId = log.Key.Id, KnownRoots = [seen] });
        Assert.Equal("root-unknown", Assert.Single(forged.Failures).Check);
        await Assert.ThrowsAsync<EvidenceException>(() => log.ExportAsync(request));
    }

    [Fact]
    public async Task Every_flipped_bit_is_found_and_its_file_named()
    {
        using var log = await SealedLog.CreateAsync(events: 70, findings: 20);
        var bundle = await log.ExportAsync(s_request);
        var random = new Random(1);
        for (var round = 0; round < 4000; round++)
        {
            var copy = (byte[])bundle.Clone();
            var at = random.Next(copy.Length);
            copy[at] ^= (byte)(1 << random.Next(8));
            var report = BundleVerifier.Verify(copy, new VerificationRequest { TrustedKeyId = log.Key.Id });
            Assert.False(report.Valid, $"bit in byte {at} of {copy.Length}");

            // Inside a file's content the file itself is named, elsewhere the container is.
            var file = FileAt(bundle, at);
            if (file is not null)
            {
                Assert.Contains(report.Failures, f => f.Where == file || (file == "manifest.json" && f.Where == "manifest.sig"));
                if (file.StartsWith("records/", StringComparison.Ordinal))
                {
                    Assert.Contains(report.Failures, f => f.Check.StartsWith("record-", StringComparison.Ordinal));
                }
            }
            else
            {
                Assert.Contains(report.Failures, f => f.Check is "container");
            }
        }
    }

    public static TheoryData<string> Tamperings => ["change", "drop", "add", "repeat", "reorder", "re-date", "move to another offset"];

    /// <summary>Tampering with single records by somebody who repairs the file hashes in the manifest but cannot sign.</summary>
    [Theory]
    [MemberData(nameof(Tamperings))]
    public async Task Every_tampered_record_is_found_and_named(string tampering)
    {
        using var log = await SealedLog.CreateAsync(events: 70, findings: 20);
        var bundle = await log.ExportAsync(s_request);
        var random = new Random(tampering.Length);
        for (var round = 0; round < 300; round++)
        {
            var (files, _) = StoredZip.Read(bundle);
            var name = random.Next(3) == 0 ? "records/monitoring.findings.0.bin" : "records/inference.events.0.bin";
            var records = Unframe(files[name]);
            var victim = random.Next(records.Count);
            var entry = CanonicalRecord.Parse(records[victim]);
            var where = $"{entry.Topic}/{entry.Partition}@{entry.Offset}";
            string check;
            switch (tampering)
            {
                case "change":
                    var value = entry.Value!.Value.ToArray();
                    value[random.Next(value.Length)] ^= (byte)(1 << random.Next(8));
                    records[victim] = CanonicalRecord.ToBytes(entry with { Value = value });
                    check = "record-changed";
                    break;
                case "drop":
                    records.RemoveAt(victim);
                    check = "record-missing";
                    break;
                case "add":
                    where = $"{entry.Topic}/{entry.Partition}@{entry.Offset + 1000}";
                    records.Insert(victim, CanonicalRecord.ToBytes(entry with { Offset = entry.Offset + 1000 }));
                    check = "record-added";
                    break;
                case "repeat":
                    records.Insert(victim, records[victim]);
                    check = "record-added";
                    break;
                case "reorder":
                    var other = (victim + 1 + random.Next(records.Count - 1)) % records.Count;
                    (records[victim], records[other]) = (records[other], records[victim]);
                    where = "";
                    check = "record-order";
                    break;
                case "re-date":
                    records[victim] = CanonicalRecord.ToBytes(entry with { TimeUnixNano = entry.TimeUnixNano + 1 + random.Next() });
                    check = "record-changed";
                    break;
                default:
                    records[victim] = CanonicalRecord.ToBytes(entry with { Offset = entry.Offset + 1 });
                    where = "";
                    check = "record-";
                    break;
            }

            files[name] = Frame(records);
            var report = BundleVerifier.Verify(Repack(files), new VerificationRequest { TrustedKeyId = log.Key.Id });
            Assert.Contains(report.Failures, f => f.Check.StartsWith(check, StringComparison.Ordinal) && f.Where.StartsWith(where, StringComparison.Ordinal));
            Assert.Contains(report.Failures, f => f.Check == "manifest-signature");
        }
    }

    /// <summary>Somebody who also rewrites the proofs so that they fit the changed record, still without the key: the signed chain contradicts.</summary>
    [Fact]
    public async Task Rewritten_proof_does_not_reach_the_sealed_root()
    {
        using var log = await SealedLog.CreateAsync(events: 70, findings: 20);
        var bundle = await log.ExportAsync(s_request);
        var random = new Random(5);
        for (var round = 0; round < 300; round++)
        {
            var (files, _) = StoredZip.Read(bundle);
            var proof = JsonSerializer.Deserialize<PartitionProof>(files["proofs/inference.events.0.json"], BundleManifest.Json)!;
            var records = Unframe(files["records/inference.events.0.bin"]);
            var victim = random.Next(records.Count - 1);
            var entry = CanonicalRecord.Parse(records[victim]);
            records[victim] = CanonicalRecord.ToBytes(entry with { TimeUnixNano = entry.TimeUnixNano - 1 });
            var hash = Convert.ToHexStringLower(CanonicalRecord.LeafHash(records[victim]));
            var segment = proof.Segments.Single(s => s.Leaves.Any(l => l.Offset == entry.Offset));
            var forged = segment with { Leaves = [.. segment.Leaves.Select(l => l.Offset == entry.Offset ? l with { Hash = hash } : l)] };
            var forgedRoot = Convert.ToHexStringLower(MerkleTree.RootFromSubset(forged.Records, forged.Leaves.Select(l => l.Leaf).ToArray(), [.. forged.Leaves.SelectMany(l => Convert.FromHexString(l.Hash))], [.. forged.Proof.Select(Convert.FromHexString)])!);
            string check;
            switch (round % 3)
            {
                case 0:
                    check = "segment-root";
                    break;
                case 1:
                    forged = forged with { Root = forgedRoot };
                    check = "segment-root";
                    break;
                default:
                    forged = forged with { Root = forgedRoot, Checkpoint = forged.Checkpoint! with { Root = forgedRoot } };
                    check = "checkpoint";
                    break;
            }

            files["records/inference.events.0.bin"] = Frame(records);
            files["proofs/inference.events.0.json"] = JsonSerializer.SerializeToUtf8Bytes(proof with { Segments = [.. proof.Segments.Select(s => s == segment ? forged : s)] }, BundleManifest.Json);
            var report = BundleVerifier.Verify(Repack(files), new VerificationRequest { TrustedKeyId = log.Key.Id });
            Assert.Contains(report.Failures, f => f.Check == check && f.Where.Contains($"segment {segment.Checkpoint!.Index} ", StringComparison.Ordinal));
        }
    }

    /// <summary>The holder of the key leaves a record out of a range and signs again: the range itself shows the hole.</summary>
    [Fact]
    public async Task Record_left_out_of_a_range_is_found_though_the_bundle_is_signed_again()
    {
        using var log = await SealedLog.CreateAsync(events: 70, findings: 20);
        var bundle = await log.ExportAsync(s_request);
        for (var offset = 10; offset < 43; offset++)
        {
            var holes = Enumerable.Range(10, 33).Where(o => o != offset).Select(o => new RecordPosition(Topics.InferenceEvents, 0, o)).ToList();
            var (files, _) = StoredZip.Read(await log.ExportAsync(s_request with { Ranges = [], Records = holes }));
            var manifest = Manifest(files);
            var claimed = Manifest(StoredZip.Read(bundle).Files).Partitions[0].Complete;
            files["manifest.json"] = JsonSerializer.SerializeToUtf8Bytes(manifest with { Partitions = [manifest.Partitions[0] with { Complete = claimed }] }, BundleManifest.Json);
            files["manifest.sig"] = log.Key.Sign(files["manifest.json"]);
            var report = BundleVerifier.Verify(StoredZip.Write(files), new VerificationRequest { TrustedKeyId = log.Key.Id });
            Assert.Contains(report.Failures, f => f.Check == "range-incomplete");
        }
    }

    [Fact]
    public async Task Swapped_key_model_profile_and_configuration_are_named()
    {
        using var log = await SealedLog.CreateAsync(events: 70, findings: 20);
        using var other = SigningKey.Create();
        var bundle = await log.ExportAsync(s_request);

        // Signed again, whole, with another key.
        var (files, _) = StoredZip.Read(bundle);
        files["key.pub"] = other.PublicKey;
        var manifest = Manifest(files);
        files["manifest.json"] = JsonSerializer.SerializeToUtf8Bytes(manifest with { KeyId = other.Id, Files = Hashes(files) }, BundleManifest.Json);
        files["manifest.sig"] = other.Sign(files["manifest.json"]);
        var swapped = BundleVerifier.Verify(StoredZip.Write(files), new VerificationRequest { TrustedKeyId = log.Key.Id });
        Assert.Contains(swapped.Failures, f => f.Check == "key" && f.Detail.Contains(log.Key.Id, StringComparison.Ordinal));
        Assert.Contains(swapped.Failures, f => f.Check == "checkpoint-signature");

        // Another model in the manifest, even when the holder of the key signs it: the finding says what it was made with.
        var lie = manifest with { Models = [new BundleManifest.NamedHash("digits@1", "dd44")], Profiles = [], Configurations = [] };
        (files, _) = StoredZip.Read(bundle);
        files["manifest.json"] = JsonSerializer.SerializeToUtf8Bytes(lie, BundleManifest.Json);
        files["manifest.sig"] = log.Key.Sign(files["manifest.json"]);
        var lied = BundleVerifier.Verify(StoredZip.Write(files), new VerificationRequest { TrustedKeyId = log.Key.Id });
        foreach (var check in new[] { "model", "profile", "configuration" })
        {
            Assert.Contains(lied.Failures, f => f.Check == check && f.Where.StartsWith("monitoring.findings/0@", StringComparison.Ordinal));
        }

        // Another file at hand.
        var atHand = BundleVerifier.Verify(bundle, new VerificationRequest
        {
            ModelHashes = new Dictionary<string, string> { ["digits@1"] = "dd44" },
            ProfileHashes = new Dictionary<string, string> { ["digits@1/digits-drift"] = "bb22" },
        });
        Assert.Equal(("model", "digits@1"), (Assert.Single(atHand.Failures).Check, atHand.Failures[0].Where));
    }

    [Fact]
    public async Task Hostile_bundles_are_reported_not_thrown()
    {
        using var log = await SealedLog.CreateAsync(events: 70, findings: 20);
        var bundle = await log.ExportAsync(s_request);
        Assert.False(BundleVerifier.Verify([], new VerificationRequest()).Valid);
        Assert.False(BundleVerifier.Verify("PK nothing"u8.ToArray(), new VerificationRequest()).Valid);
        var random = new Random(2);
        for (var round = 0; round < 300; round++)
        {
            Assert.False(BundleVerifier.Verify(bundle[..random.Next(bundle.Length)], new VerificationRequest()).Valid);

            // Holder of a key, hostile content: null members, wrong lengths, huge numbers.
            var (files, _) = StoredZip.Read(bundle);
            var text = System.Text.Encoding.UTF8.GetString(files["proofs/inference.events.0.json"]);
            var lines = text.Split('\n');
            var line = random.Next(lines.Length);
            var colon = lines[line].IndexOf(':', StringComparison.Ordinal);
            lines[line] = colon < 0 ? "" : lines[line][..(colon + 1)] + (random.Next(4) switch { 0 => " null", 1 => " -1", 2 => " 2147483647", _ => " \"zz\"" }) + (lines[line].EndsWith(',') ? "," : "");
            files["proofs/inference.events.0.json"] = System.Text.Encoding.UTF8.GetBytes(string.Join('\n', lines));
            files["manifest.json"] = JsonSerializer.SerializeToUtf8Bytes(Manifest(files) with { Files = Hashes(files) }, BundleManifest.Json);
            files["manifest.sig"] = log.Key.Sign(files["manifest.json"]);
            Assert.False(BundleVerifier.Verify(StoredZip.Write(files), new VerificationRequest()).Valid);
        }
    }

    private static byte[] Repack(SortedDictionary<string, byte[]> files)
    {
        files["manifest.json"] = JsonSerializer.SerializeToUtf8Bytes(Manifest(files) with { Files = Hashes(files) }, BundleManifest.Json);
        return StoredZip.Write(files);
    }

    private static BundleManifest Manifest(SortedDictionary<string, byte[]> files) => JsonSerializer.Deserialize<BundleManifest>(files["manifest.json"], BundleManifest.Json)!;

    private static List<BundleManifest.FileHash> Hashes(SortedDictionary<string, byte[]> files) =>
        [.. files.Where(f => f.Key is not "manifest.json" and not "manifest.sig").Select(f => new BundleManifest.FileHash(f.Key, f.Value.Length, Convert.ToHexStringLower(SHA256.HashData(f.Value))))];

    private static List<byte[]> Unframe(byte[] bytes)
    {
        var records = new List<byte[]>();
        for (var position = 0; position < bytes.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(position));
            records.Add(bytes[(position + 4)..(position + 4 + length)]);
            position += 4 + length;
        }

        return records;
    }

    private static byte[] Frame(List<byte[]> records)
    {
        using var stream = new MemoryStream();
        Span<byte> length = stackalloc byte[4];
        foreach (var record in records)
        {
            BinaryPrimitives.WriteInt32BigEndian(length, record.Length);
            stream.Write(length);
            stream.Write(record);
        }

        return stream.ToArray();
    }

    private static string? FileAt(byte[] bundle, int position)
    {
        for (var at = 0; BinaryPrimitives.ReadUInt32LittleEndian(bundle.AsSpan(at)) == 0x04034b50;)
        {
            var size = BinaryPrimitives.ReadInt32LittleEndian(bundle.AsSpan(at + 18));
            var name = BinaryPrimitives.ReadUInt16LittleEndian(bundle.AsSpan(at + 26));
            var start = at + 30 + name;
            if (position >= start && position < start + size)
            {
                return System.Text.Encoding.UTF8.GetString(bundle, at + 30, name);
            }

            at = start + size;
        }

        return null;
    }
}
