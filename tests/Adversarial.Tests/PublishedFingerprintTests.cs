using System.Globalization;
using System.Text.Json;

namespace Monitoring.Adversarial.Tests;

/// <summary>The published definition against the ART port of Blacklight (golden/blacklight.json).</summary>
public sealed class PublishedFingerprintTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Fingerprints_and_matches_equal_the_reference_library(int number)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "blacklight.json")));
        var root = document.RootElement;
        var salt = root.GetProperty("salt").EnumerateArray().Select(s => s.GetDouble()).ToArray();
        var queries = root.GetProperty("queries_0_255").EnumerateArray()
            .Select(q => q.EnumerateArray().Select(v => (float)(v.GetDouble() / 255)).ToArray()).ToArray();
        var expected = root.GetProperty("cases")[number];
        var fingerprinter = new PublishedFingerprinter(salt, expected.GetProperty("window_size").GetInt32());
        var index = new SimilarityIndex(64, Fingerprinter.Kept);
        var fingerprint = new ulong[Fingerprinter.Kept];
        for (var q = 0; q < queries.Length; q++)
        {
            var result = expected.GetProperty("results")[q];
            var length = fingerprinter.Fingerprint(queries[q], FrequentHashes.None, fingerprint);

            Assert.Equal(result.GetProperty("n_hashes").GetInt32(), length);
            var first = result.GetProperty("first_hashes").EnumerateArray()
                .Select(h => ulong.Parse(h.GetString()!.AsSpan(0, 16), NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToArray();
            Assert.Equal(first, fingerprint[..first.Length]);
            Assert.Equal(result.GetProperty("matches").GetInt32(), index.FindNearest(fingerprint.AsSpan(0, length)).Overlap);
            index.Add(fingerprint.AsSpan(0, length), (ulong)q + 1, q, q, -1, _ => { });
        }
    }
}
