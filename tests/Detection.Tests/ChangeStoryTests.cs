using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Detection.Tests.Support;

namespace Monitoring.Detection.Tests;

/// <summary>Findings of drift say which columns carry the change, in which values, and what it does to the model's answers: planted changes whose answer is known.</summary>
public sealed class ChangeStoryTests
{
    private const int Learned = 1_000;

    [Theory]
    [InlineData("evidence")]
    [InlineData("ks")]
    public async Task A_change_of_a_column_that_the_model_looks_at_has_its_slice_and_its_impact(string kind)
    {
        var finding = await FindAsync(kind, row => row[0] += 1.5f, Answer);

        Assert.Equal(["x[0]"], finding.Slice.Columns);
        Assert.InRange(finding.Slice.Carried, 0.95, 1);

        // 1.5 standard deviations: Φ(1.5/√2) = 0.856 at best; cells learned on half of the some tens of rows until the alarm reach less.
        Assert.InRange(finding.Slice.Auroc, 0.7, 0.92);
        Assert.Contains("x[0] >", finding.Slice.Cells[0].Text, StringComparison.Ordinal);
        Assert.InRange(finding.Slice.Cells[0].Reference, 0.09, 0.16);
        Assert.InRange(finding.Slice.Cells[0].Observed, 0.45, 0.8);
        Assert.Contains("x[0] carries", finding.Summary, StringComparison.Ordinal);

        // The answer is 0.9 where x0 > 0, else 0.1: P(x0 > 0) goes from 0.5 to Φ(1.5) = 0.933, and the answer by 0.8 of the difference.
        var first = finding.Columns[0];
        Assert.Equal("x[0]", first.Column);
        Assert.InRange(first.Impact, 0.8 * 0.433 - 0.08, 0.8 * 0.433 + 0.08);
        Assert.InRange(first.Change, 0.4, 0.65);

        // Nobody moved the others; the model does not look at x1 at all.
        Assert.All(finding.Columns.Skip(1), c => Assert.InRange(c.Change, 0, 0.3));
        Assert.Equal(0, finding.Columns.Single(c => c.Column == "x[1]").Impact);
    }

    [Fact]
    public async Task A_change_of_a_column_that_the_model_does_not_look_at_has_no_impact()
    {
        var finding = await FindAsync("evidence", row => row[1] -= 1.5f, Answer);

        Assert.Equal(["x[1]"], finding.Slice.Columns);
        Assert.Contains("x[1] ≤", finding.Slice.Cells[0].Text, StringComparison.Ordinal);
        Assert.Equal(0, finding.Columns.Single(c => c.Column == "x[1]").Impact);
        Assert.Equal("x[1]", finding.Columns.MaxBy(c => c.Change)!.Column);
    }

    [Fact]
    public async Task Two_columns_that_move_together_are_named_together()
    {
        var finding = await FindAsync("evidence", row => (row[0], row[2]) = (row[0] + 0.8f, row[2] - 0.8f), Answer, TimeSpan.FromDays(20_000));

        Assert.Equal(["x[0]", "x[2]"], finding.Slice.Columns);
        Assert.Contains(" and ", finding.Slice.Cells[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_model_at_hand_the_slice_is_told_and_no_impact()
    {
        var finding = await FindAsync("evidence", row => row[0] += 1.5f, (_, _, _) => null);

        Assert.Equal(["x[0]"], finding.Slice.Columns);
        Assert.Equal("x[0]", finding.Columns[0].Column);
        Assert.All(finding.Columns, c => Assert.False(c.HasImpact));
    }

    [Fact]
    public async Task A_model_that_cannot_be_run_costs_the_impact_only()
    {
        var finding = await FindAsync("evidence", row => row[0] += 1.5f, (_, _, _) => throw new InvalidOperationException("two inputs"));

        Assert.Equal(["x[0]"], finding.Slice.Columns);
        Assert.All(finding.Columns, c => Assert.False(c.HasImpact));
    }

    [Fact]
    public async Task Batches_and_a_new_owner_do_not_show_in_what_is_told()
    {
        using var whole = Create("evidence", Answer);
        await whole.FillAsync(Events(row => row[0] += 1.5f));
        var expected = await whole.WholeAsync();
        Assert.Contains(expected.Findings, f => f.Slice is not null);

        using var cut = Create("evidence", Answer);
        await cut.FillAsync(Events(row => row[0] += 1.5f));
        var sizes = new Random(5);
        await cut.ProcessAsync(await cut.StartAsync(), Learned + 520, () => sizes.Next(1, 90));
        await cut.Processor!.StopAsync(lost: false, TestContext.Current.CancellationToken);
        await cut.ProcessAsync(await cut.StartAsync(), null, () => sizes.Next(1, 90));
        await cut.Processor!.StopAsync(lost: false, TestContext.Current.CancellationToken);
        Assert.Equal(expected.FindingBytes, cut.Outcome().FindingBytes);
    }

    private static async Task<Finding> FindAsync(string kind, Action<float[]> change, ModelAnswers answers, TimeSpan? period = null)
    {
        using var run = Create(kind, answers, period);
        await run.FillAsync(Events(change));
        var found = (await run.WholeAsync()).Findings;
        return found.First(f => f.SinceOffset >= Learned);
    }

    private static Run Create(string kind, ModelAnswers answers, TimeSpan? period = null) => new(new MonitorGroupConfiguration
    {
        Group = Run.GroupName,
        Models = [Run.Model("alpha", true, new WatchedMonitor { Name = "drift", Kind = kind, BudgetAlarms = 1, BudgetPeriod = period ?? TimeSpan.FromHours(2), Share = 0.5 }) with { LearningDraws = Learned }],
    })
    {
        Options = new MonitorGroupOptions { Parallelism = 1, CheckpointRecords = 300, CheckpointInterval = TimeSpan.FromDays(1), Answers = answers },
    };

    /// <summary>Clean rows, and from <see cref="Learned"/> + 500 on changed ones.</summary>
    private static IEnumerable<EventLog.LogRecord> Events(Action<float[]> change)
    {
        var random = new Random(11);
        for (var i = 0; i < Learned + 1_500; i++)
        {
            float[] row = [Traffic.Normal(random), Traffic.Normal(random), Traffic.Normal(random)];
            if (i >= Learned + 500)
            {
                change(row);
            }

            yield return Traffic.Record(Traffic.Event("e" + i.ToString(CultureInfo.InvariantCulture), "alpha", row), Traffic.StartNano + (i * 1_000_000_000L));
        }
    }

    /// <summary>Looks at x0 and, a little, at x2.</summary>
    private static float[][] Answer(ModelDescription model, float[] inputs, int rows)
    {
        var answers = new float[rows * 2];
        for (var row = 0; row < rows; row++)
        {
            var p = (inputs[row * 3] > 0 ? 0.9f : 0.1f) + (inputs[(row * 3) + 2] > 0 ? 0.05f : 0);
            (answers[2 * row], answers[(2 * row) + 1]) = (1 - p, p);
        }

        return [answers];
    }
}
