using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Detection.Tests.Support;
using Monitoring.EventLog;
using Monitoring.Quality;

namespace Monitoring.Detection.Tests;

/// <summary>True labels among the calls: what was joined, measured and found is a function of the log, whatever happens to owners, with shards and after a person closed an incident.</summary>
public sealed class LabelTests
{
    private const int Calls = 2_400;
    private const int BrokenAt = 1_500;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Labels_survive_kills_at_random_moments(int seed)
    {
        using var calm = new Run(Configuration());
        await calm.FillAsync(Labelled(seed));
        var expected = await calm.WholeAsync();
        var harm = Assert.Single(expected.Findings, f => f.Monitor == "performance");
        Assert.Equal((Severity.Harm, "accuracy"), (harm.Severity, harm.Variable));
        Assert.True(harm.Effect.Observed < 0.9);

        using var run = new Run(Configuration());
        await run.FillAsync(Labelled(seed));
        expected.AssertSame(await run.KilledAsync(seed, kills: 20, mostAppends: 80));
    }

    [Fact]
    public async Task A_replay_of_labels_is_the_same_bit_for_bit_however_records_are_cut()
    {
        using var one = new Run(Configuration());
        await one.FillAsync(Labelled(7));
        var expected = await one.WholeAsync(() => 1_000);
        using var other = new Run(Configuration(), parallelism: 2, checkpointRecords: 90);
        await other.FillAsync(Labelled(7));
        var random = new Random(1);
        expected.AssertSame(await other.WholeAsync(() => random.Next(1, 40)));
    }

    [Fact]
    public async Task Of_a_sharded_model_each_shard_joins_its_own_labels_and_is_armed_again()
    {
        var expected = await ShardsAsync(1, kills: 0);
        var broken = expected[0].Findings.Where(f => f.Monitor == "performance").ToList();

        // Found, closed by a person, found again from new evidence: what had been held against the model before does not count twice.
        Assert.Equal(2, broken.Count);
        var rearmed = (2 * Calls) + 2;
        Assert.True(broken[0].Position.InputOffset < rearmed && broken[1].Position.InputOffset > rearmed + 20);
        Assert.True(broken[1].SinceOffset > rearmed);

        // The other shard holds the labels of the same feedback and none of the calls.
        Assert.DoesNotContain(expected[1].Findings, f => f.Monitor == "performance");
        var actual = await ShardsAsync(2, kills: 12);
        expected[0].AssertSame(actual[0]);
        expected[1].AssertSame(actual[1]);
    }

    private static async Task<Outcome[]> ShardsAsync(int seed, int kills)
    {
        var configuration = Configuration();
        configuration = configuration with { Models = [configuration.Models[0] with { Shards = 2 }] };
        using var run = new Run(configuration) { Partitions = 2 };

        // Partition 0 answers the calls, 1 other ones; labels go to both, as the relay sends them.
        var records = Labelled(11).SelectMany(r => RowLabelOf(r) ? [r with { Partition = 0 }, r with { Partition = 1 }] : new[] { r with { Partition = 0 } }).ToList();
        var start = Traffic.StartNano;
        records.AddRange(Enumerable.Range(0, Calls).Select(i => Traffic.Record(Call("other-" + i.ToString(CultureInfo.InvariantCulture), random: new Random(i)), start + (i * 10_000_000L), 1)));
        records.AddRange(new RearmRequest("alpha", Family.Quality, "", "i1", "ann").ToRecords(2, DateTimeOffset.UnixEpoch).Select((r, shard) => r with { Partition = shard }));
        records.AddRange(Labelled(12, from: Calls, broken: Calls).SelectMany(r => RowLabelOf(r) ? [r with { Partition = 0 }, r with { Partition = 1 }] : new[] { r with { Partition = 0 } }));
        await run.FillAsync(records);
        var outcomes = new Outcome[2];
        for (var partition = 0; partition < 2; partition++)
        {
            var outcome = await run.KilledAsync(seed + partition, kills, mostAppends: 80, partition);
            var own = outcome.Findings.Where(f => f.Position.InputPartition == partition).ToList();
            outcomes[partition] = outcome with { Findings = own, FindingBytes = string.Join('\n', own.Select(f => Convert.ToHexString(Protobuf.Canonical(f)))) };
        }

        return outcomes;
    }

    private static MonitorGroupConfiguration Configuration() => new()
    {
        Group = Run.GroupName,
        Models =
        [
            Run.Model(
                "alpha",
                true,
                new WatchedMonitor { Name = "inputs", Kind = "plain", BudgetAlarms = 1, BudgetPeriod = TimeSpan.FromMinutes(10), Share = 0.3 },
                new WatchedMonitor { Name = "performance", Kind = "performance", Options = new(StringComparer.Ordinal) { ["metric"] = "accuracy", ["threshold"] = "0.9", ["window"] = "300" }, BudgetAlarms = 1, BudgetPeriod = TimeSpan.FromMinutes(10), Share = 0.3 }),
        ],
    };

    private static bool RowLabelOf(LogRecord record) => record.Headers.Any(h => h.Name == Headers.Type);

    /// <summary>Calls that are answered with class 1, and their labels, up to two hundred calls late, some twice: 97 % right, from <paramref name="broken"/> on 60 %.</summary>
    private static List<LogRecord> Labelled(int seed, int from = 0, int broken = BrokenAt)
    {
        var random = new Random(seed);
        var due = new SortedDictionary<(int At, int Call), string>();
        var records = new List<LogRecord>();
        for (var i = from; i < from + Calls; i++)
        {
            var id = "e" + i.ToString(CultureInfo.InvariantCulture);
            records.Add(Traffic.Record(Call(id, random), Traffic.StartNano + (i * 10_000_000L)));
            due.Add((i + random.Next(1, 200), i), random.NextDouble() < (i < broken ? 0.97 : 0.6) ? "1" : "0");
            foreach (var (key, truth) in due.Where(d => d.Key.At <= i || i == from + Calls - 1).ToList())
            {
                due.Remove(key);
                var call = key.Call.ToString(CultureInfo.InvariantCulture);
                var label = FeedbackRelay.Record(new Feedback { Id = "f" + call, Model = "alpha", EventId = "e" + call, Label = truth }, "alpha");
                label = label with { Headers = [.. label.Headers, Traffic.Record(new InferenceEvent(), Traffic.StartNano + (i * 10_000_000L)).Headers[0]] };
                records.Add(label);
                if (random.Next(20) == 0)
                {
                    records.Add(label);
                }
            }
        }

        return records;
    }

    private static InferenceEvent Call(string id, Random random) =>
        Traffic.Event(id, "alpha", [Traffic.Normal(random), Traffic.Normal(random), Traffic.Normal(random)], "client-" + id);
}
