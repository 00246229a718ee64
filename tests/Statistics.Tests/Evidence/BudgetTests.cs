namespace Monitoring.Statistics.Tests;

public sealed class BudgetTests
{
    [Theory]
    [InlineData("1 per 30d", 1, 2_592_000)]
    [InlineData("0.5 per 12h", 0.5, 43_200)]
    [InlineData("2 per 1w", 2, 604_800)]
    public void Reads_rates(string text, double alarms, double seconds)
    {
        var budget = FalseAlarmBudget.Parse(text);
        Assert.Equal(alarms, budget.Alarms);
        Assert.Equal(seconds, budget.Period.TotalSeconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("1 per 30")]
    [InlineData("0 per 30d")]
    [InlineData("-1 per 30d")]
    [InlineData("1 per 0d")]
    [InlineData("NaN per 1d")]
    [InlineData("1 per 30y")]
    [InlineData("1 per 1e300d")]
    public void Refuses_what_is_no_rate(string text) =>
        Assert.Contains("1 per 30d", Assert.Throws<FormatException>(() => FalseAlarmBudget.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Level_is_the_period_over_the_share()
    {
        // 20,000 draws a day, 30 days, a tenth of one alarm.
        var level = FalseAlarmBudget.Parse("1 per 30d").Level(0.1, TimeSpan.FromDays(1) / 20_000);
        Assert.Equal(6e6, level, 1);
    }

    [Fact]
    public void Series_over_appearances_decreases_and_sums_to_at_most_one()
    {
        var sum = 0.0;
        var previous = 1.0;
        for (var i = 0; i < 1_000_000; i++)
        {
            var share = BudgetSplit.ByAppearance(i);
            Assert.True(share > 0 && share < previous);
            previous = share;
            sum += share;
        }

        Assert.True(sum < 1);
        Assert.Equal(1 - (1 / Math.Log(Math.E + 1_000_000)), sum, 1e-9);
        Assert.True(BudgetSplit.ByAppearance(1_000) > 1e-5);
    }

    [Fact]
    public void Fixed_weights_are_normalised()
    {
        Assert.Equal([0.25, 0.75], BudgetSplit.ByWeight([1, 3]));
        Assert.Throws<ArgumentException>(() => BudgetSplit.ByWeight([1, 0]));
    }
}
