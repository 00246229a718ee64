using Monitoring.Detection;

namespace Monitoring.Outlier.Tests;

/// <summary>
/// A finite population: reference and stream hold the same rows again and again. The scores of both must have one distribution, or the budget is
/// gone: copies of reference rows once scored 1e-8 instead of 0, and every clean stream alarmed.
/// </summary>
public sealed class RepeatedPopulationTests
{
    [Fact]
    public async Task Live_scores_are_distributed_as_the_calibration()
    {
        const int population = 400, draws = 4000, width = 5;
        var random = new Random(11);
        var rows = Enumerable.Range(0, population).Select(_ => Enumerable.Range(0, width).Select(c => (float)(random.NextDouble() * Math.Pow(10, c))).ToArray()).ToArray();
        var model = new ModelDescription { Name = "m", Version = "1", Schema = ModelSchema.Numeric(width) };
        var reference = ReferenceData.Split(ReferenceData.FromMatrix(model, Draw(), draws));
        var kind = new OutlierKind(NeighbourSearches.OnVectors);
        var options = MonitorOptions.Create(kind);
        var fitted = await kind.FitAsync(new FitContext(model, reference, options, 3), TestContext.Current.CancellationToken);
        var monitor = kind.Create(new MonitorContext("outlier", model, options, fitted.Bytes, 3));
        var calibration = fitted.Calibration![0].Values.Order().ToArray();
        var live = (await monitor.ScoreAsync(ReferenceData.FromMatrix(model, Draw(), draws), TestContext.Current.CancellationToken)).Values;
        foreach (var quantile in new[] { 0.1, 0.25, 0.5, 0.75, 0.9 })
        {
            var cut = calibration[(int)(quantile * calibration.Length)];
            var expected = calibration.Count(v => v <= cut) / (double)calibration.Length;
            var observed = live.Count(v => v <= cut) / (double)live.Length;

            // Both are samples: six standard errors of their difference.
            Assert.InRange(observed, expected - (6 * Math.Sqrt(2 * 0.25 / draws)), expected + (6 * Math.Sqrt(2 * 0.25 / draws)));
        }

        float[] Draw() => [.. Enumerable.Range(0, draws).SelectMany(_ => rows[random.Next(population)])];
    }
}
