using System.Buffers;
using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Extraction.Tests;

/// <summary>Clients that send the same inputs are one cohort; what everybody sends makes none.</summary>
public sealed class SharedQueriesTests
{
    [Fact]
    public void Twenty_accounts_that_overlap_are_one_cohort_and_honest_clients_beside_them_are_in_none()
    {
        var shared = new SharedQueries([]);
        var random = new Random(1);
        var cohorts = new Dictionary<string, int?>(StringComparer.Ordinal);
        ulong fresh = 1_000_000;
        for (var query = 0; query < 4_000; query++)
        {
            // One query in ten is asked again by another account, to see that the answer is the same.
            var input = ++fresh;
            Send("thief-" + (query % 20), input);
            if (query % 10 == 0)
            {
                Send("thief-" + random.Next(20), input);
            }

            // Two customers may well have the same document, now and then.
            Send("honest-" + random.Next(50), random.Next(100) == 0 ? (ulong)random.Next(2_000) : ++fresh);
        }

        Assert.Single(cohorts.Where(c => c.Key.StartsWith("thief", StringComparison.Ordinal)).Select(c => c.Value).Distinct(), cohorts["thief-0"]);
        Assert.NotNull(cohorts["thief-0"]);
        Assert.All(cohorts.Where(c => c.Key.StartsWith("honest", StringComparison.Ordinal)), c => Assert.Null(c.Value));

        void Send(string client, ulong input) => cohorts[client] = shared.Take(input, client);
    }

    [Fact]
    public void What_everybody_sends_links_nobody()
    {
        var (shared, known) = (new SharedQueries([]), new SharedQueries([1, 2, 3, 4, 5]));
        ulong fresh = 1_000;
        for (var client = 0; client < 200; client++)
        {
            for (var input = 1ul; input <= 5; input++)
            {
                shared.Take(input, "client-" + client);
                Assert.Null(known.Take(input, "client-" + client));
                shared.Take(++fresh, "client-" + client);
            }
        }

        // Thirty-two clients had them in common before anybody could know that it would be everybody.
        Assert.Equal(0, shared.Cohorts);
        Assert.True(shared.Dissolved > 0);
        Assert.All(Enumerable.Range(0, 200), client => Assert.Null(shared.Take(++fresh, "client-" + client)));
    }

    [Fact]
    public void Two_inputs_in_common_are_chance_and_repeats_of_one_s_own_are_nothing()
    {
        var shared = new SharedQueries([]);
        for (var again = 0; again < 5; again++)
        {
            foreach (var input in new ulong[] { 1, 2 })
            {
                Assert.Null(shared.Take(input, "a"));
                Assert.Null(shared.Take(input, "b"));
            }
        }

        Assert.Null(shared.Take(3, "a"));
        Assert.Equal(0, shared.Take(3, "b"));
        Assert.Equal(0, shared.Take(4, "a"));
    }

    [Fact]
    public void Memory_is_bounded_and_an_input_is_forgotten_after_so_many_others()
    {
        var shared = new SharedQueries([]);
        Assert.Null(shared.Take(1, "a"));
        Assert.Null(shared.Take(2, "a"));
        Assert.Null(shared.Take(3, "a"));
        for (var input = 0ul; input < SharedQueries.Remembered; input++)
        {
            shared.Take(1_000 + input, "crowd-" + (input % 500));
        }

        Assert.Null(shared.Take(1, "b"));
        Assert.Null(shared.Take(2, "b"));
        Assert.Null(shared.Take(3, "b"));
    }

    [Fact]
    public void State_saved_at_any_moment_goes_on_bit_for_bit()
    {
        var random = new Random(7);
        (ulong Input, string Client)[] queries = [.. Enumerable.Range(0, 3_000).Select(_ => ((ulong)random.Next(1_500), "c" + random.Next(60)))];
        var undisturbed = new SharedQueries([7]);
        var expected = queries.Select(q => undisturbed.Take(q.Input, q.Client)).ToArray();
        var saved = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        var at = new SharedQueries([7]);
        var actual = new List<int?>();
        for (var i = 0; i < queries.Length; i++)
        {
            actual.Add(at.Take(queries[i].Input, queries[i].Client));
            if (i % 251 == 0)
            {
                Collect(at, saved);
                at = new SharedQueries([7]);
                foreach (var (key, value) in saved)
                {
                    at.Restore(key, value);
                }
            }
        }

        Assert.Equal(expected, actual);
        Assert.Contains(expected, e => e is not null);
        Collect(at, saved);
        var all = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        Collect(undisturbed, all);
        Assert.Equal(all.Keys, saved.Keys);
        Assert.All(all, a => Assert.Equal(a.Value, saved[a.Key]));
        Assert.Throws<InvalidDataException>(() => new SharedQueries([]).Restore("s/", [9, 0, 0, 0]));
        Assert.Throws<InvalidDataException>(() => new SharedQueries([]).Restore("s/x1", [0]));
    }

    [Fact]
    public void Saved_bytes_are_those_of_walking_all_clients_for_every_page()
    {
        // Ties by the hundred on every page, cohorts that grow, join and dissolve; the digest was taken of the form that walked all clients.
        var random = new Random(11);
        var shared = new SharedQueries([7]);
        var saved = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        for (var query = 0; query < 20_000; query++)
        {
            // Neighbours ask about the same; some inputs are nearly everybody's.
            var client = random.Next(4_000);
            shared.Take((ulong)(random.Next(20) == 0 ? 1_000_000 + random.Next(20) : (client / 5 * 10) + random.Next(10)), "c" + client);
            if (query % 7_001 == 0)
            {
                Collect(shared, saved);
            }
        }

        Collect(shared, saved);
        using var digest = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        foreach (var (key, value) in saved)
        {
            digest.AppendData(System.Text.Encoding.UTF8.GetBytes(key));
            digest.AppendData(value);
        }

        Assert.Equal(256, saved.Keys.Count(k => k.StartsWith("s/c", StringComparison.Ordinal)));
        Assert.True(shared.Dissolved > 0);
        Assert.Equal("F0D833A19D3C182C45A1B112CAF90738", Convert.ToHexString(digest.GetHashAndReset())[..32]);
    }

    [Fact]
    public void Clients_of_a_reference_that_share_their_inputs_anyway_are_not_linked_by_them()
    {
        var model = new ModelDescription { Name = "m", Version = "1", Schema = ModelSchema.Numeric(1), Outputs = [] };
        RowBatch Rows(Func<int, float> value) => ReferenceData.FromMatrix(model, [.. Enumerable.Range(0, 1_000).Select(value)], 1_000, null, [.. Enumerable.Range(0, 1_000).Select(i => "c" + (i % 10))]);
        var (few, many) = (Rows(i => i < 995 ? i : 7), Rows(i => i / 2));
        Assert.Single(SharedQueries.Frequent(few, r => (ulong)few.Input(r)[0])!, 7ul);
        Assert.Null(SharedQueries.Frequent(many, r => (ulong)many.Input(r)[0]));
    }

    [Fact]
    public void Accounts_without_a_common_address_share_a_budget_once_they_send_the_same()
    {
        var monitor = new QueryBudgetMonitor(new QueryBudgetOptions { Queries = 1_000, Cohort = 300 }, [], 1);
        var reports = new List<CertainFinding>();
        var sink = new Reports(reports);
        var model = new ModelDescription { Name = "m", Version = "1", Schema = ModelSchema.Numeric(1), Outputs = [] };
        for (var query = 0; query < 400; query++)
        {
            Send("a" + (query % 20), query);
            Send("a" + ((query + 1) % 20), query);
        }

        Assert.Contains(reports, r => r.Severity == Severity.Harm && r.Summary.Contains(SharedQueries.Cohort, StringComparison.Ordinal));

        void Send(string client, float input) =>
            monitor.Apply(new RowBatch(model, [input], [], [new RowInfo("e", 1, 1, client, 1, 1, 0, 0, true)], []), 0, MonitorScores.Empty, sink);
    }

    private static void Collect(SharedQueries from, SortedDictionary<string, byte[]> into)
    {
        var keys = new List<string>();
        from.TakeDirtyKeys(keys);
        foreach (var key in keys)
        {
            var output = new ArrayBufferWriter<byte>();
            if (from.Save(key, output))
            {
                Assert.InRange(output.WrittenCount, 1, 512 * 1024);
                into[key] = output.WrittenSpan.ToArray();
            }
            else
            {
                into.Remove(key);
            }
        }
    }

    private sealed class Reports(List<CertainFinding> reports) : IObservationSink
    {
        public void Observe(int variable, double value, string subject = "") => throw new InvalidOperationException(variable.ToString(CultureInfo.InvariantCulture));

        public void Bet(int variable, double logIncrement, string subject = "") => throw new InvalidOperationException(variable.ToString(CultureInfo.InvariantCulture));

        public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "") => throw new InvalidOperationException(subject);

        public void Report(CertainFinding finding) => reports.Add(finding);
    }
}
