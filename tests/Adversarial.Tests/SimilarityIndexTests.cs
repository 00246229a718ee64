using System.Buffers;
using Monitoring.Detection;

namespace Monitoring.Adversarial.Tests;

public sealed class SimilarityIndexTests
{
    [Fact]
    public void Nearest_is_the_query_that_shares_most_hashes_and_the_newest_of_equals()
    {
        var random = new Random(1);
        var index = new SimilarityIndex(200, 30);
        var remembered = new List<(int Slot, HashSet<ulong> Hashes)>();
        for (var query = 0; query < 190; query++)
        {
            // Hashes from a small pool, so that many are shared, but none by more than sixteen queries.
            var fingerprint = Distinct(random, 30, query / 8);
            var expected = remembered.Select((r, i) => (Overlap: r.Hashes.Count(fingerprint.Contains), Index: i)).OrderByDescending(r => r.Overlap).ThenByDescending(r => r.Index).FirstOrDefault();
            var (slot, overlap) = index.FindNearest(fingerprint);

            Assert.Equal(expected.Overlap, overlap);
            if (overlap > 0)
            {
                Assert.Equal(remembered[expected.Index].Slot, slot);
            }

            // Links keep everyone in one list of 200, so that nobody is forgotten here.
            remembered.Add((index.Add(fingerprint, (ulong)query + 1, query, query, 0, _ => { }), [.. fingerprint]));
        }
    }

    [Fact]
    public void Exact_repeats_are_found_until_they_are_forgotten()
    {
        var index = new SimilarityIndex(64, 5);
        var forgotten = 0;
        for (var query = 1; query <= 10_000; query++)
        {
            Assert.Equal(-1, index.FindRepeat(Mac(query)));
            index.Add([(ulong)query], Mac(query), query, query, -1, _ => forgotten++);
            Assert.True(index.FindRepeat(Mac(query)) >= 0);
        }

        Assert.Equal(0, forgotten);
        Assert.True(index.Count <= index.Capacity, $"{index.Count} remembered of at most {index.Capacity}");

        // The keyed samples: someone from far beyond the newest 64 is still known.
        Assert.Contains(Enumerable.Range(1, 9_000), q => index.FindRepeat(Mac(q)) >= 0);
    }

    [Fact]
    public void Ends_of_links_outlive_the_newest_queries()
    {
        var lineages = new LineageIndex(64, 40, 10);
        var random = new Random(3);
        var attack = Distinct(random, 40, 1_000_000);
        var size = 0;
        for (var round = 0; round < 20; round++)
        {
            // One attack query, changed a little, among 300 others: far slower than the 64 newest, but linked once at the start.
            var near = attack.Select((h, i) => i < 20 ? h : (ulong)random.NextInt64()).ToArray();
            size = Math.Max(size, lineages.Add(near, (ulong)random.NextInt64(), Row(round))?.Size ?? 0);
            for (var other = 0; other < (round == 0 ? 10 : 300); other++)
            {
                lineages.Add(Distinct(random, 40, random.Next()), (ulong)random.NextInt64(), Row(other));
            }
        }

        Assert.Equal(20, size);
    }

    [Fact]
    public void An_input_that_comes_back_from_ever_new_clients_is_no_search_and_slow_searches_are()
    {
        // Of the newest 640 queries strangers' copies count within 64. Between two copies come 200 other queries.
        Assert.InRange(Counted(copy => "stranger-" + copy), 1, 2);
        Assert.InRange(Counted(copy => "attacker"), 28, 30);
        Assert.InRange(Counted(_ => ""), 28, 30);

        // Five accounts by turns: each one's first copy is a stranger's.
        Assert.InRange(Counted(copy => "account-" + (copy % 5)), 20, 30);

        static int Counted(Func<int, string> client)
        {
            var lineages = new LineageIndex(640, 40, 10);
            var random = new Random(3);
            var item = Distinct(random, 40, 1_000_000);
            var counted = 0;
            for (var copy = 0; copy < 30; copy++)
            {
                var near = item.Select((h, i) => i < 20 ? h : (ulong)random.NextInt64()).ToArray();
                counted = lineages.Add(near, (ulong)random.NextInt64(), Row(copy) with { Client = client(copy) })?.Counted ?? 0;
                for (var other = 0; other < 200; other++)
                {
                    lineages.Add(Distinct(random, 40, random.Next()), (ulong)random.NextInt64(), Row(other));
                }
            }

            return counted;
        }
    }

    [Fact]
    public void Whoever_waits_and_takes_a_new_account_loses_three_copies_and_no_more()
    {
        var lineages = new LineageIndex(640, 40, 10);
        var random = new Random(3);
        var item = Distinct(random, 40, 1_000_000);
        var counted = new List<int>();
        for (var copy = 0; copy < 34; copy++)
        {
            var near = item.Select((h, i) => i < 20 ? h : (ulong)random.NextInt64()).ToArray();
            counted.Add(lineages.Add(near, (ulong)random.NextInt64(), Row(copy) with { Client = "account-" + (copy / 17) })?.Counted ?? 1);
            for (var other = 0; other < (copy == 16 ? 200 : 0); other++)
            {
                lineages.Add(Distinct(random, 40, random.Next()), (ulong)random.NextInt64(), Row(other));
            }
        }

        Assert.Equal(17, counted[16]);
        Assert.Equal(14, counted[17]);
        Assert.Equal(30, counted[^1]);
    }

    [Fact]
    public void Restored_state_goes_on_as_if_nothing_had_happened()
    {
        var undisturbed = new LineageIndex(64, 20, 8);
        var disturbed = new LineageIndex(64, 20, 8);
        var saved = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        var left = new Random(5);
        for (var query = 0; query < 3_000; query++)
        {
            var fingerprint = Distinct(left, 20, query % 70);
            var mac = (ulong)left.NextInt64(1, 2_000) + 1;
            var expected = undisturbed.Add(fingerprint, mac, Row(query));
            var actual = disturbed.Add(fingerprint, mac, Row(query));
            Assert.Equal((expected?.Id, expected?.Size, expected?.Counted), (actual?.Id, actual?.Size, actual?.Counted));
            if (query % 250 == 249)
            {
                Checkpoint(disturbed, saved);
                disturbed = new LineageIndex(64, 20, 8);
                foreach (var (key, value) in saved.Reverse())
                {
                    disturbed.Restore(key, value);
                }
            }
        }

        var end = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        Checkpoint(undisturbed, end);
        Checkpoint(disturbed, saved);
        Assert.Equal(end.Keys, saved.Keys);
        foreach (var (key, value) in end)
        {
            Assert.True(value.AsSpan().SequenceEqual(saved[key]), $"page {key} differs");
        }

        Assert.True(undisturbed.Links > 100 && undisturbed.Repeats > 100, "the stream exercises links and repeats");
    }

    [Fact]
    public void A_torn_page_is_refused()
    {
        var index = new LineageIndex(64, 20, 8);
        index.Add(Distinct(new Random(1), 20, 1), 5, Row(0));
        var saved = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        Checkpoint(index, saved);
        var page = saved["q00000"];

        Assert.Throws<InvalidDataException>(() => new LineageIndex(64, 20, 8).Restore("q00000", page.AsSpan(0, page.Length - 3)));
        Assert.Throws<InvalidDataException>(() => new LineageIndex(64, 20, 8).Restore("x", page));
        Assert.Throws<InvalidDataException>(() => new LineageIndex(128, 20, 8).Restore("", saved[""]));
    }

    [Fact]
    public void A_remembered_query_takes_at_most_450_bytes()
    {
        var index = new SimilarityIndex(20_000, 44);

        Assert.InRange((double)index.AllocatedBytes / index.Capacity, 1, 450);
    }

    private static void Checkpoint(LineageIndex index, SortedDictionary<string, byte[]> saved)
    {
        var keys = new List<string>();
        index.TakeDirtyKeys(keys);
        foreach (var key in keys)
        {
            var output = new ArrayBufferWriter<byte>();
            if (index.Save(key, output))
            {
                saved[key] = output.WrittenSpan.ToArray();
            }
            else
            {
                saved.Remove(key);
            }
        }
    }

    private static ulong[] Distinct(Random random, int count, int group)
    {
        var fingerprint = new HashSet<ulong>();
        while (fingerprint.Count < count)
        {
            fingerprint.Add(Monitoring.Statistics.Mixing.Mix((ulong)(((long)group * 64) + random.Next(60))));
        }

        return [.. fingerprint];
    }

    private static ulong Mac(int query) => Monitoring.Statistics.Mixing.Mix((ulong)query);

    private static RowInfo Row(int number) => new("event-" + number, 0, 0, "client-" + (number % 3), number, number, 0, 0, true);
}
