using Monitoring.Detection;

namespace Monitoring.Outlier.Tests;

/// <summary>What the default kind promises of rows whatever they are of.</summary>
public sealed class DefaultRowsTests
{
    /// <summary>Grams or kilograms: the same rows are the most unusual ones. The scaling half way to the columns' own units, which it had first, let the column with the largest numbers decide.</summary>
    [Fact]
    public async Task The_columns_units_do_not_matter()
    {
        var scores = await Score(1);
        var scaled = await Score(1000);
        for (var i = 0; i < scores.Length; i++)
        {
            Assert.Equal(scores[i], scaled[i], 0.02f * Math.Max(1, scores[i]));
        }

        static async Task<float[]> Score(float factor)
        {
            var random = new Random(5);
            float[] Rows(int rows) => [.. Enumerable.Range(0, rows).SelectMany(_ => new[] { Normal(random) * factor, Normal(random), Normal(random) / factor })];
            return await ScoreAsync(Rows(300), Rows(50), 3);
        }
    }

    /// <summary>Every value is usual, but not together.</summary>
    [Fact]
    public async Task A_row_that_breaks_a_correlation_is_seen_among_many_columns()
    {
        const int width = 12;
        var random = new Random(6);
        float[] Usual(int rows)
        {
            var values = new float[rows * width];
            for (var i = 0; i < values.Length; i++)
            {
                // Pairs of columns that say the same, nearly.
                values[i] = i % 2 == 0 ? Normal(random) : values[i - 1] + (0.1f * Normal(random));
            }

            return values;
        }

        var odd = Usual(1);
        (odd[0], odd[1]) = (1.5f, -1.5f);
        var scores = await ScoreAsync(Usual(400), [.. Usual(200), .. odd], width);
        Assert.True(scores[^1] > scores[..^1].Order().ElementAt(197), $"{scores[^1]} against {string.Join(", ", scores[..^1].OrderDescending().Take(4))}");
    }

    private static async Task<float[]> ScoreAsync(float[] reference, float[] rows, int width)
    {
        var model = new ModelDescription { Name = "m", Version = "1", Schema = ModelSchema.Numeric(width) };
        var kind = new OutlierKind(NeighbourSearches.OnVectors);
        var options = MonitorOptions.Create(kind);
        var clean = ReferenceData.Split(ReferenceData.FromMatrix(model, reference, reference.Length / width));
        var fitted = await kind.FitAsync(new FitContext(model, clean, options, 3), TestContext.Current.CancellationToken);
        var monitor = kind.Create(new MonitorContext("outlier", model, options, fitted.Bytes, 3));
        return (await monitor.ScoreAsync(ReferenceData.FromMatrix(model, rows, rows.Length / width), TestContext.Current.CancellationToken)).Values.ToArray();
    }

    private static float Normal(Random random) => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
