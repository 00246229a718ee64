using System.Buffers;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Extraction.Tests;

/// <summary>Rows of which every column is usual and the row is not: what a thief of a table asks that makes rows of columns.</summary>
public sealed class ColumnPairsTests
{
    [Fact]
    public void Columns_that_do_not_belong_together_are_strange_and_clean_rows_are_not()
    {
        var random = new Random(1);
        var pairs = ColumnPairs.Fit(Rows(Clean(2_000, random)))!;
        var (clean, foreign) = (Clean(1_000, random), Recombined(Clean(2_000, random), 1_000, random));

        Assert.Equal([(1, 0), (3, 2)], pairs.Pairs.Order());
        var usual = clean.Select(r => pairs.Score(r, leaveOut: false)).Order().ToArray();
        var beyond = foreign.Count(r => pairs.Score(r, leaveOut: false) > usual[900]) / 1_000.0;
        Assert.True(beyond > 0.6, $"{beyond:P0} of the recombined rows are stranger than nine in ten clean ones");

        // A row that was counted itself does not vouch for itself.
        var counted = ColumnPairs.Fit(Rows([.. Clean(2_000, random), [0, 9, 0, 9, 0]]))!;
        Assert.True(counted.Score([0, 9, 0, 9, 0], leaveOut: true) > counted.Score([0, 9, 0, 9, 0], leaveOut: false));
    }

    [Fact]
    public void Independent_columns_and_images_have_no_pairs()
    {
        var random = new Random(2);
        Assert.Null(ColumnPairs.Fit(Rows([.. Enumerable.Range(0, 2_000).Select(_ => Enumerable.Range(0, 5).Select(_ => random.NextSingle()).ToArray())])));
        var image = new ModelDescription { Name = "i", Version = "1", Schema = ModelSchema.ForImage("image", new ImageLayout(2, 2)), Outputs = [] };
        Assert.Null(ColumnPairs.Fit(ReferenceData.FromMatrix(image, new float[400], 100)));
    }

    [Fact]
    public void Missing_and_endless_values_are_scored_and_the_saved_form_says_the_same()
    {
        var random = new Random(3);
        var rows = Clean(1_500, random);
        for (var i = 0; i < rows.Length; i += 7)
        {
            rows[i][0] = float.NaN;
        }

        var pairs = ColumnPairs.Fit(Rows(rows))!;
        var bytes = new ArrayBufferWriter<byte>();
        pairs.Write(new CanonicalWriter(bytes));
        var reader = new CanonicalReader(bytes.WrittenSpan);
        var again = ColumnPairs.Read(ref reader);
        foreach (var row in rows.Take(50).Append([float.NaN, float.NaN, float.NaN, float.NaN, float.NaN]).Append([float.PositiveInfinity, float.NegativeInfinity, 0, 0, 0]))
        {
            Assert.True(float.IsFinite(pairs.Score(row, leaveOut: false)));
            Assert.Equal(pairs.Score(row, leaveOut: false), again.Score(row, leaveOut: false));
        }
    }

    [Fact]
    public async Task Query_pattern_sees_who_makes_rows_of_columns_and_leaves_honest_clients_alone()
    {
        using var scoring = new ScoringRuntime(new ScoringOptions { Device = "cpu", Threads = 1 });
        using var kernels = new ScoringKernels(scoring);
        var random = new Random(4);
        var options = new QueryPatternOptions { Neighbours = 1_000 };
        var kind = new QueryPatternKind(new LoadedConfiguration(new MonitoringConfiguration(), Path.Combine(AppContext.BaseDirectory, "monitoring.yaml"), "", [], []), scoring, kernels);
        var reference = ReferenceData.Split(Rows(Clean(3_000, random), 30));
        var parameters = await kind.FitAsync(new FitContext(Model, reference, options, 5), CancellationToken.None);
        var monitor = kind.Create(new MonitorContext("q", Model, options, parameters.Bytes, 5));
        Assert.Contains(monitor.Variables, v => v.Name == "columns together");
        Assert.InRange(await QueriesToAlarmAsync(Rows(Recombined(Clean(2_000, random), 300, random), names: "thief")), 1, 100);
        foreach (var client in Enumerable.Range(0, 10))
        {
            Assert.Equal(int.MaxValue, await QueriesToAlarmAsync(Rows(Clean(200, random), names: "honest-" + client)));
        }

        // The bets alone, at one in 10⁵: the urn has the other half of the budget.
        async Task<int> QueriesToAlarmAsync(RowBatch rows)
        {
            var bets = new SortedDictionary<int, double>();
            var sink = new Bets((variable, log) => bets[variable] = Math.Exp(log) * (bets.GetValueOrDefault(variable) + 1));
            var scores = await monitor.ScoreAsync(rows, CancellationToken.None);
            for (var row = 0; row < rows.Count; row++)
            {
                monitor.Apply(rows, row, scores, sink);
                if (bets.Count > 0 && bets.Values.Average() >= 2e5)
                {
                    return row + 1;
                }
            }

            return int.MaxValue;
        }
    }

    private sealed class Bets(Action<int, double> onBet) : IObservationSink
    {
        public void Observe(int variable, double value, string subject = "")
        {
            // The urn's part.
        }

        public void Bet(int variable, double logIncrement, string subject = "") => onBet(variable, logIncrement);

        public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "") => throw new InvalidOperationException(subject);

        public void Report(CertainFinding finding) => throw new InvalidOperationException(finding.Key);
    }

    private static ModelDescription Model { get; } = new() { Name = "m", Version = "1", Schema = ModelSchema.Numeric(5), Outputs = [new("probabilities", 2, OutputRole.Probabilities)] };

    /// <summary>The second column follows from the first and the fourth from the third; the fifth is on its own.</summary>
    private static float[][] Clean(int count, Random random) => [.. Enumerable.Range(0, count).Select(_ =>
    {
        var (one, three) = (10 * random.NextSingle(), 10 * random.NextSingle());
        return new[] { one, one + random.NextSingle(), three, 10 - three + random.NextSingle(), random.NextSingle() };
    })];

    private static float[][] Recombined(float[][] known, int count, Random random) =>
        [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, 5).Select(c => known[random.Next(known.Length)][c]).ToArray())];

    private static RowBatch Rows(float[][] rows, int clients = 1, string names = "") =>
        ReferenceData.FromMatrix(Model, [.. rows.SelectMany(r => r)], rows.Length, [[.. rows.SelectMany(r => new[] { r[4], 1 - r[4] })]], [.. rows.Select((_, i) => names.Length > 0 ? names : "c" + (i % clients))]);
}
