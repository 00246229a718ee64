using System.Globalization;
using Monitoring.Detection;

namespace Monitoring.Quality.Tests;

public sealed class FairnessMonitorTests
{
    private static readonly double s_level = Math.Log(1e6);

    private static readonly ModelDescription s_model = new()
    {
        Name = "credit",
        Version = "1",
        Schema = new ModelSchema([new FeatureSchema("city") { Type = FeatureType.Categorical, Categories = ["Ulm", "Bonn", "Kiel"] }, new FeatureSchema("age")]) { Classes = ["no", "yes"] },
        Outputs = [new OutputTensor("p", 2, OutputRole.Probabilities)],
    };

    [Fact]
    public async Task Equal_segments_are_silent_and_show_their_rates()
    {
        var run = await CreateAsync("city");
        Feed(run, new Random(1), 6_000, _ => 0.4, (_, p) => p);
        Assert.All(run.Strongest, s => Assert.True(s.Value < s_level, $"{s.Key} {s.Value}"));
        Assert.InRange(run.Measure("selection-rate", "Ulm"), 0.3, 0.5);
        Assert.InRange(run.Measure("calibration-gap", "Kiel"), -0.06, 0.06);
    }

    [Fact]
    public async Task A_segment_that_is_selected_less_is_found_by_name_without_labels()
    {
        var run = await CreateAsync("city");
        Feed(run, new Random(2), 4_000, city => city == 1 ? 0.2 : 0.5, null);
        Assert.True(run.Strongest["selection-rate/1/below"] > s_level || run.Strongest["selection-rate/0/below"] > s_level || run.Strongest["selection-rate/2/below"] > s_level);
        var subject = run.Strongest.Where(s => s.Key.EndsWith("below", StringComparison.Ordinal) && s.Value > s_level).MaxBy(s => s.Value).Key;
        var details = run.Describe(subject);
        Assert.Contains("the selection rate of 'Bonn' is 0.", details.Summary, StringComparison.Ordinal);
        Assert.Contains("tolerated is a gap of 0.1", details.Summary, StringComparison.Ordinal);
        Assert.Equal("city", details.Variable);
    }

    [Fact]
    public async Task Unequal_opportunity_and_calibration_are_found_where_labels_come()
    {
        // The same selection rates; but the truth in Kiel is far better than what the model says.
        var run = await CreateAsync("city");
        Feed(run, new Random(3), 6_000, _ => 0.4, (city, p) => city == 2 ? Math.Min(1, p + 0.3) : p);
        var segment = Enumerable.Range(0, 3).Single(s => run.Strongest[$"calibration-gap/{s}/below"] > s_level);
        Assert.Contains("'Kiel'", run.Describe($"calibration-gap/{segment}/below").Summary, StringComparison.Ordinal);
        Assert.InRange(run.Measure("calibration-gap", "Kiel"), -0.35, -0.2);
        Assert.True(run.Measure("true-positive-rate", "Kiel") < run.Measure("true-positive-rate", "Ulm"));
        Assert.All(run.Strongest.Where(s => s.Key.StartsWith("selection", StringComparison.Ordinal)), s => Assert.True(s.Value < s_level, s.Key));
    }

    [Fact]
    public async Task The_edge_of_tolerance_holds_its_level()
    {
        // A gap of exactly the tolerance: 40 runs of 1,000 rows at level 20,000, one sided: two alarms are expected at most.
        var alarms = 0;
        for (var seed = 0; seed < 40; seed++)
        {
            var run = await CreateAsync("age");
            Feed(run, new Random(seed), 1_000, _ => 0.5, null, age => age > 50 ? 0.55 : 0.45);
            alarms += run.Strongest.Values.Max() > Math.Log(20_000) ? 1 : 0;
        }

        Assert.InRange(alarms, 0, 7);
    }

    [Fact]
    public async Task Restarts_change_nothing()
    {
        var calm = await CreateAsync("city");
        Feed(calm, new Random(4), 1_000, _ => 0.4, (_, p) => p);
        var killed = await CreateAsync("city");
        Feed(killed, new Random(4), 1_000, _ => 0.4, (_, p) => p, kills: new Random(5));
        Assert.Equal(calm.Spoken, killed.Spoken);
    }

    [Fact]
    public async Task Segments_that_are_not_there_are_told()
    {
        var error = await Assert.ThrowsAsync<FitException>(() => CreateAsync("colour"));
        Assert.Contains("no feature 'colour'", error.Message, StringComparison.Ordinal);
        Assert.Contains("city, age", error.Message, StringComparison.Ordinal);
        Assert.Throws<MonitorOptionsException>(() => MonitorOptions.Create(new FairnessKind()));
    }

    private static Task<LabelledRun> CreateAsync(string segment)
    {
        var random = new Random(9);
        float[] reference = [.. Enumerable.Range(0, 300).SelectMany(_ => new[] { random.Next(3), (float)random.Next(0, 101) })];
        return LabelledRun.CreateAsync(new FairnessKind(), s_model, reference, new() { ["segment"] = segment });
    }

    private static void Feed(LabelledRun run, Random random, int rows, Func<int, double> selected, Func<int, double, double>? truth, Func<int, double>? byAge = null, Random? kills = null)
    {
        for (var i = 0; i < rows; i++)
        {
            var id = "e" + i.ToString(CultureInfo.InvariantCulture);
            int city = random.Next(3), age = random.Next(0, 101);
            var yes = random.NextDouble() < (byAge?.Invoke(age) ?? selected(city));
            var p = yes ? 0.5 + (0.4 * random.NextDouble()) : 0.1 + (0.4 * random.NextDouble());
            run.Call(id, [city, age], [(float)(1 - p), (float)p]);
            if (truth is not null)
            {
                run.Label(id, random.NextDouble() < truth(city, p) ? 1 : 0);
            }

            if (kills?.NextDouble() < 0.02)
            {
                run.Restart();
            }
        }
    }
}
