using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift.Tests;

public sealed class EvidenceKindTests
{
    private static readonly CancellationToken s_none = CancellationToken.None;

    private static readonly ModelDescription s_digits = new()
    {
        Name = "digits",
        Version = "1",
        Schema = ModelSchema.ForImage("image", new ImageLayout(28, 28)),
        Outputs = [new OutputTensor("probabilities", 10, OutputRole.Probabilities), new OutputTensor("embedding", 3, OutputRole.Embedding)],
    };

    private static readonly ModelDescription s_rows = new()
    {
        Name = "rows",
        Version = "1",
        Schema = new ModelSchema(
        [
            new FeatureSchema("age") { Unit = "years" },
            new FeatureSchema("city") { Type = FeatureType.Categorical, Categories = ["a", "b", "c"] },
        ]),
        Outputs = [new OutputTensor("p", 1, OutputRole.Probabilities)],
    };

    [Fact]
    public void Watches_the_default_variables_of_images_in_four_groups()
    {
        var variables = EvidenceKind.Variables(s_digits, new EvidenceMonitorOptions());
        Assert.Equal(58, variables.Count);
        Assert.Equal([7, 49, 1, 1], variables.GroupBy(v => v.Variable.Group).Select(g => g.Count()));
        Assert.Equal(58, variables.Select(v => v.Variable.Name).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(61, EvidenceKind.Variables(s_digits, new EvidenceMonitorOptions { Tensors = ["embedding"] }).Count);
        Assert.Equal(2, EvidenceKind.Variables(s_digits, new EvidenceMonitorOptions { Inputs = false }).Count);
        Assert.Contains("embedding", Assert.Throws<FitException>(() => EvidenceKind.Variables(s_digits, new EvidenceMonitorOptions { Tensors = ["nothing"] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Watches_columns_their_missingness_prediction_and_entropy()
    {
        var variables = EvidenceKind.Variables(s_rows, new EvidenceMonitorOptions());
        Assert.Equal(["age", "age missing", "city", "city missing", "predicted class", "output entropy"], variables.Select(v => v.Variable.Name));
        Assert.Equal(VariableType.Categorical, variables[2].Variable.Type);
        Assert.Equal("years", variables[0].Variable.Unit);
    }

    [Fact]
    public async Task Scores_are_the_statistics_of_the_image()
    {
        var random = new Random(1);
        var images = Enumerable.Range(0, 3 * 784).Select(_ => random.NextSingle()).ToArray();
        var probabilities = Enumerable.Repeat(0.1f, 30).ToArray();
        probabilities[14] = 0.5f;
        var rows = ReferenceData.FromMatrix(s_digits, images, 3, [probabilities, []]);
        var scores = await Monitor(s_digits).ScoreAsync(rows, s_none);
        var expected = new double[7];
        ImageStatistics.Describe(images.AsSpan(784, 784), 28, expected);
        Assert.Equal(expected.Select(e => (float)e), scores.Row(1)[..7].ToArray());
        Assert.Equal(4, scores.Row(1)[56]);
        Assert.Equal((float)ImageStatistics.Entropy(probabilities.AsSpan(10, 10)), scores.Row(1)[57]);
    }

    /// <summary>The same picture as bytes in three channels, planes first or last, gives the same numbers.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Layouts_of_an_image_do_not_matter(bool channelsFirst)
    {
        var random = new Random(2);
        var grey = Enumerable.Range(0, 80).Select(_ => random.NextSingle()).ToArray();
        var colour = new float[240];
        for (var p = 0; p < 80; p++)
        {
            for (var c = 0; c < 3; c++)
            {
                colour[channelsFirst ? (c * 80) + p : (p * 3) + c] = (grey[p] * 255) + ((c - 1) * 10);
            }
        }

        ModelDescription Model(ImageLayout layout) => s_digits with { Schema = ModelSchema.ForImage("image", layout), Outputs = [] };
        var plain = Model(new ImageLayout(8, 10));
        var other = Model(new ImageLayout(8, 10, 3, channelsFirst, 0, 255));
        var one = await Monitor(plain).ScoreAsync(ReferenceData.FromMatrix(plain, grey, 1), s_none);
        var two = await Monitor(other).ScoreAsync(ReferenceData.FromMatrix(other, colour, 1), s_none);
        Assert.Equal(56, one.Columns);
        Assert.All(one.Values.Zip(two.Values), v => Assert.Equal(v.First, v.Second, 1e-4f));
    }

    [Fact]
    public async Task Missing_and_unreadable_values_stay_missing()
    {
        var rows = ReferenceData.FromMatrix(s_rows, [float.NaN, 1, 30, -1, 40, 2], 3, [[0.5f, 1, float.NaN]]);
        var scores = await Monitor(s_rows).ScoreAsync(rows, s_none);
        Assert.Equal([float.NaN, 1, 1, 0, 1, MathF.Log(2)], scores.Row(0).ToArray());
        Assert.Equal([30, 0, -1, 0, 1, 0], scores.Row(1).ToArray());
        Assert.True(float.IsNaN(scores.Row(2)[4]) && float.IsNaN(scores.Row(2)[5]));
        var image = new float[784];
        image[5] = float.NaN;
        var blank = await Monitor(s_digits).ScoreAsync(ReferenceData.FromMatrix(s_digits, image, 1), s_none);
        Assert.All(blank.Values, v => Assert.True(float.IsNaN(v)));
    }

    [Theory]
    [InlineData(new float[] { 0.2f, 0.8f }, new float[] { 0, 1.3862944f })]
    [InlineData(new float[] { 0.8f }, new float[] { 1.3862944f })]
    public void Entropy_of_logits_is_that_of_their_probabilities(float[] probabilities, float[] logits) =>
        Assert.Equal(OutputScores.Entropy(probabilities), EvidenceKind.EntropyOfLogits(logits), 1e-6f);

    /// <summary>Fitted on clean rows, the combined evidence finds a shifted column and a new category and names them.</summary>
    [Theory]
    [InlineData("age")]
    [InlineData("city")]
    [InlineData("age missing")]
    public async Task Finds_the_changed_column_and_names_it(string changed)
    {
        var random = new Random(3);
        var kind = new EvidenceKind();
        var reference = Rows(random, 3_000, "");
        var fitted = await kind.FitAsync(new FitContext(s_rows, ReferenceData.Split(reference), new EvidenceMonitorOptions(), 1), s_none);
        var monitor = Monitor(s_rows);
        Assert.Equal(monitor.Variables.Count, fitted.Calibration!.Count);
        var evidence = new GroupedEvidence(
            [
                .. monitor.Variables.Select((v, i) => new EvidenceVariable(v.Name, v.Group, v.Type == VariableType.Categorical
                    ? StreamReference.Categorical([.. fitted.Calibration[i].Values])
                    : StreamReference.Numeric([.. fitted.Calibration[i].Values]))),
            ],
            600_000);
        var stream = Rows(random, 3_000, "");
        var after = Rows(random, 3_000, changed);
        var alarms = new List<int>();
        var shares = new double[monitor.Variables.Count];
        var named = "";
        foreach (var (batch, start) in new[] { (stream, 0), (after, 3_000) })
        {
            var scores = await monitor.ScoreAsync(batch, s_none);
            for (var row = 0; row < batch.Count; row++)
            {
                double[] values = [.. scores.Row(row).ToArray().Select(v => (double)v)];
                if (evidence.Update(values, (ulong)(start + row), 0, 1, start + row, shares) == LatchEvent.Alarm)
                {
                    alarms.Add(start + row);
                    named = monitor.Variables[Array.IndexOf(shares, shares.Max())].Name;
                }
            }
        }

        Assert.InRange(Assert.Single(alarms), 3_000, 3_400);
        Assert.Equal(changed, named);
    }

    [Fact]
    public async Task Too_little_reference_is_refused_with_what_is_needed()
    {
        var rows = Rows(new Random(4), 50, "");
        var error = await Assert.ThrowsAsync<FitException>(async () => await new EvidenceKind().FitAsync(new FitContext(s_rows, ReferenceData.Split(rows), new EvidenceMonitorOptions(), 1), s_none));
        Assert.Contains("at least 80", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<FitException>(async () => await new EvidenceKind().FitAsync(new FitContext(s_rows, ReferenceData.Split(rows), new EvidenceMonitorOptions { Inputs = false, Outputs = false }, 1), s_none));
    }

    private static IMonitor Monitor(ModelDescription model) =>
        new EvidenceKind().Create(new MonitorContext("m", model, new EvidenceMonitorOptions(), default, 1));

    private static RowBatch Rows(Random random, int count, string changed)
    {
        var inputs = new float[2 * count];
        var outputs = new float[count];
        for (var i = 0; i < count; i++)
        {
            inputs[2 * i] = changed == "age missing" && random.Next(10) == 0 ? float.NaN : 40 + (10 * (random.NextSingle() + random.NextSingle())) + (changed == "age" ? 4 : 0);
            inputs[(2 * i) + 1] = changed == "city" && random.Next(10) == 0 ? -1 : random.Next(3);
            outputs[i] = random.NextSingle();
        }

        return ReferenceData.FromMatrix(s_rows, inputs, count, [outputs]);
    }
}
